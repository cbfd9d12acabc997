"""Samples posteriors of posteriordb by NumPyro's NUTS, one request per line of standard input.

The first line out says what is installed: {"python", "jax", "numpyro"}. Each request is answered by one line, {"error"} if
it fails:

    {"do": "evaluate", "posterior", "data", "u"} -> {"logProb", "gradient"}
    {"do": "sample", "posterior", "data", "u", "seed", "warmup", "draws"}
        -> {"draws", "numSteps", "diverging", "cpuSeconds"}

"u" are points in unconstrained space, with the coordinates and the Jacobian of galton's targets, here and there: one per row to
evaluate, or one chain each to start from. "draws" are rows of u, chain after chain, beside their leapfrog steps and whether they diverged, in
matrices {"shape", "float32"}: little-endian, row-major, base64. Float64 inside, one thread; CPU seconds are of this process,
compilation included.
"""
import base64
import json
import os
import platform
import sys
import time
import traceback

# what the packages print goes to standard error, so that standard output holds answers only
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import numpyro
from jax import numpy as jnp
from jax.nn import log_sigmoid
from jax.scipy.linalg import solve_triangular
from jax.scipy.stats import cauchy, gamma, norm
from numpyro.infer import MCMC, NUTS

jax.config.update("jax_enable_x64", True)
numpyro.set_platform("cpu")


def eight_schools(data):
    """u = z, mu, log tau."""
    y, sigma = jnp.array(data["y"], float), jnp.array(data["sigma"], float)

    def log_prob(u):
        z, mu, tau = u[:8], u[8], jnp.exp(u[9])
        prior = norm.logpdf(z).sum() + norm.logpdf(mu, 0, 5) + cauchy.logpdf(tau, 0, 5) + u[9]
        return prior + norm.logpdf(y, mu + tau * z, sigma).sum()

    return log_prob


def regression(y, x, log_prior):
    """u = coefficients, log sigma; from sufficient statistics, as in galton."""
    gram, cross, squares, n = x.T @ x, x.T @ y, y @ y, len(y)

    def log_prob(u):
        b, sigma = u[:-1], jnp.exp(u[-1])
        residual = squares - 2 * b @ cross + b @ gram @ b
        return -0.5 * residual / sigma**2 - n * (u[-1] + 0.5 * jnp.log(2 * jnp.pi)) + log_prior(b, sigma) + u[-1]

    return log_prob


def blr(data):
    prior = lambda b, sigma: norm.logpdf(b, 0, 10).sum() + norm.logpdf(sigma, 0, 10)
    return regression(jnp.array(data["y"], float), jnp.array(data["X"], float), prior)


def autoregression(data):
    y = jnp.array(data["y"], float)
    lags = [y[5 - k : len(y) - k] for k in range(1, 6)]
    prior = lambda b, sigma: norm.logpdf(b, 0, 10).sum() + cauchy.logpdf(sigma, 0, 2.5)
    return regression(y[5:], jnp.stack([jnp.ones(len(y) - 5), *lags], axis=1), prior)


def garch(data):
    """u = mu, log a0, logit a1, logit(b1 / (1 - a1))."""
    y, first = jnp.array(data["y"], float), float(data["sigma1"]) ** 2

    def log_prob(u):
        mu, a0 = u[0], jnp.exp(u[1])
        log_a1, log_rest, log_share = log_sigmoid(u[2]), log_sigmoid(-u[2]), log_sigmoid(u[3])
        a1, b1 = jnp.exp(log_a1), jnp.exp(log_rest + log_share)

        def step(variance, before):
            variance = a0 + a1 * (before - mu) ** 2 + b1 * variance
            return variance, variance

        _, later = jax.lax.scan(step, first, y[:-1])
        variance = jnp.concatenate([jnp.array([first]), later])
        jacobian = u[1] + log_a1 + 2 * log_rest + log_share + log_sigmoid(-u[3])
        return norm.logpdf(y, mu, jnp.sqrt(variance)).sum() + jacobian

    return log_prob


def gaussian_process(data):
    """u = log rho, log alpha, log sigma; sigma is the variance of the noise."""
    x, y = jnp.array(data["x"], float), jnp.array(data["y"], float)
    squares = (x[:, None] - x) ** 2

    def log_prob(u):
        rho, alpha, sigma = jnp.exp(u)
        covariance = alpha**2 * jnp.exp(-0.5 * squares / rho**2) + sigma * jnp.eye(len(x))
        factor = jnp.linalg.cholesky(covariance)
        z = solve_triangular(factor, y, lower=True)
        prior = gamma.logpdf(rho, 25, scale=1 / 4) + norm.logpdf(alpha, 0, 2) + norm.logpdf(sigma) + u.sum()
        return prior + norm.logpdf(z).sum() - jnp.log(jnp.diag(factor)).sum()

    return log_prob


MODELS = {
    "eight_schools-eight_schools_noncentered": eight_schools,
    "sblrc-blr": blr,
    "arK-arK": autoregression,
    "garch-garch11": garch,
    "gp_pois_regr-gp_regr": gaussian_process,
}


def decode(array):
    flat = jnp.frombuffer(base64.b64decode(array["float32"]), dtype="<f4")
    return flat.reshape(array["shape"]).astype(float)


def encode(values):
    values = jax.device_get(values).astype("<f4")
    return {"shape": list(values.shape), "float32": base64.b64encode(values.tobytes()).decode("ascii")}


def evaluate(request):
    log_prob = MODELS[request["posterior"]](request["data"])
    values, gradients = jax.vmap(jax.value_and_grad(log_prob))(decode(request["u"]))
    return {"logProb": encode(values.reshape(-1, 1)), "gradient": encode(gradients)}


def sample(request):
    log_prob = MODELS[request["posterior"]](request["data"])
    starts = decode(request["u"])
    before = time.process_time()
    kernel = NUTS(potential_fn=lambda u: -log_prob(u))  # its defaults: acceptance 0.8, diagonal metric, depth 10
    mcmc = MCMC(
        kernel,
        num_warmup=request["warmup"],
        num_samples=request["draws"],
        num_chains=len(starts),
        chain_method="vectorized",  # each chain still adapts by itself
        progress_bar=False,
    )
    mcmc.run(jax.random.PRNGKey(request["seed"]), init_params=starts, extra_fields=("num_steps", "diverging"))
    extra = mcmc.get_extra_fields()
    return {
        "draws": encode(mcmc.get_samples()),
        "numSteps": encode(extra["num_steps"].reshape(-1, 1)),
        "diverging": encode(extra["diverging"].reshape(-1, 1)),
        "cpuSeconds": time.process_time() - before,
    }


ACTIONS = {"evaluate": evaluate, "sample": sample}


def answer(line):
    try:
        request = json.loads(line)
        return ACTIONS[request["do"]](request)
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


installed = {"python": platform.python_version(), "jax": jax.__version__, "numpyro": numpyro.__version__}
print(json.dumps(installed), file=answers, flush=True)
for request in sys.stdin:
    print(json.dumps(answer(request)), file=answers, flush=True)
