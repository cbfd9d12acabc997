"""A simulator outside TypeScript: reads parameters, writes data, one JSON line per row.

    in   {"id": 7, "theta": {"mu": 0.5, "sigma": 1.2}, "seed": 4503599627370497}
    out  {"id": 7, "x": [0.31, 1.94, -0.25]}      null stands for a missing number
     or  {"id": 7, "error": "did not converge"}

Rules: answer every line, flush after each answer, take all randomness from `seed`, and end when the input
ends. Anything for people goes to standard error.

Try it:  echo '{"id": 0, "theta": {"mu": 0, "sigma": 1}, "seed": 1}' | python3 gaussian.py
"""

import json
import random
import sys


def simulate(theta, seed):
    """Three independent draws from Normal(mu, sigma)."""
    rng = random.Random(seed)
    return [rng.gauss(theta["mu"], theta["sigma"]) for _ in range(3)]


for line in sys.stdin:
    row = json.loads(line)
    try:
        answer = {"id": row["id"], "x": simulate(row["theta"], row["seed"])}
    except Exception as error:  # one bad row must not end the others
        answer = {"id": row["id"], "error": str(error)}
    print(json.dumps(answer), flush=True)
