"""Trains and samples the estimators of the Python package sbi, one request per line of standard input.

The first line out says what is installed: {"python", "torch", "sbi"}. Each request is answered by one line,
{"error"} if it fails:

    {"do": "train", "seed", "kind", "options", "prior", "theta", "x"} -> {"estimator", "cpuSeconds"}
    {"do": "sample", "seed", "estimator", "observed", "draws"} -> {"draws", "chains", "cpuSeconds"}
    {"do": "evaluate", "estimator", "observed", "theta"} -> {"log", "cpuSeconds"}
    {"do": "forget", "estimator"} -> {}

"kind" is "nre-a", "nre-c", "npe-maf", "npe-nsf" or "nle-maf"; "log" is what it learns, of the ratio, the posterior or the
likelihood. "chains" is left out where draws are independent. Arrays are matrices {"shape", "float32"}: little-endian, row-major, base64; "draws" come chain after chain. "options" are galton's
names of what sbi has too; one that is left out has sbi's default. One thread; CPU seconds are of this process.
"""
import base64
import json
import os
import platform
import queue
import shutil
import sys
import tempfile
import threading
import time
import traceback

# what sbi prints goes to standard error, so that standard output holds answers only
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import sbi  # first: where it is missing, the message names it
import numpy
import torch
from sbi.inference import NLE_A, NPE_C, NRE_A, NRE_C
from sbi.neural_nets.net_builders.classifier import build_z_scored_embedding_net
from sbi.neural_nets.ratio_estimators import RatioEstimator
from sbi.utils import BoxUniform
from torch import nn
from torch.nn import functional

torch.set_num_threads(1)

TRAIN_OPTIONS = {
    "batchSize": "training_batch_size",
    "learningRate": "learning_rate",
    "validationFraction": "validation_fraction",
    "patience": "stop_after_epochs",
    "epochs": "max_num_epochs",
    "clipNorm": "clip_max_norm",
    "contrasts": "num_classes",
    "gamma": "gamma",
}

# the defaults of sbi, spelled out because they have changed between its versions
SAMPLER = {
    "method": "slice_np_vectorized",
    "num_chains": 20,
    "warmup_steps": 200,
    "thin": 1,
    "init_strategy": "resample",
}

estimators = {}


def decode(array):
    values = numpy.frombuffer(base64.b64decode(array["float32"]), dtype="<f4")
    return torch.tensor(values.reshape(array["shape"]))


def encode(values):
    values = values.detach().numpy().astype("<f4")
    return {"shape": list(values.shape), "float32": base64.b64encode(values.tobytes()).decode("ascii")}


def prior_of(spec):
    kind = spec["kind"]
    if kind == "uniform":
        return BoxUniform(torch.tensor(spec["low"]).float(), torch.tensor(spec["high"]).float())
    if kind == "normal":
        mean, covariance = torch.tensor(spec["mean"]).float(), torch.tensor(spec["covariance"]).float()
        return torch.distributions.MultivariateNormal(mean, covariance)
    if kind == "independent" and all(piece["kind"] == "normal" for piece in spec["pieces"]):
        mean = torch.tensor([piece["mean"] for piece in spec["pieces"]]).float()
        sd = torch.tensor([piece["sd"] for piece in spec["pieces"]]).float()
        return torch.distributions.MultivariateNormal(mean, torch.diag(sd**2))
    raise ValueError(f'the prior "{kind}" has no counterpart here; expected a uniform or a normal one')


class Trunk(nn.Module):
    """galton's ratio network on concatenated parameters and data, with PyTorch's initial weights, which are galton's."""

    def __init__(self, spec, inputs):
        super().__init__()
        residual = spec["kind"] == "residual"
        widths = [spec["width"]] * (1 + 2 * spec["blocks"]) if residual else spec["hidden"]
        sizes = [inputs, *widths, 1]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.activation = getattr(functional, spec["activation"])
        self.residual = residual

    def forward(self, inputs):
        act = self.activation
        first, *body, last = self.layers
        h = first(inputs)
        if self.residual:
            for a, b in zip(body[::2], body[1::2]):
                h = h + b(act(a(act(h))))
        else:
            for layer in body:
                h = layer(act(h))
        return last(act(h))


def classifier(spec):
    def build(theta, x, **_):
        return RatioEstimator(
            net=Trunk(spec, theta.shape[1] + x.shape[1]),
            theta_shape=theta[0].shape,
            x_shape=x[0].shape,
            embedding_net_theta=build_z_scored_embedding_net(theta),
            embedding_net_x=build_z_scored_embedding_net(x),
        )

    return build


def trainer_of(kind, prior, network):
    family, _, flow = kind.partition("-")
    if family == "nre":
        return {"nre-a": NRE_A, "nre-c": NRE_C}[kind](
            prior=prior,
            classifier="resnet" if network is None else classifier(network),
            show_progress_bars=False,
        )
    return {"npe": NPE_C, "nle": NLE_A}[family](prior=prior, density_estimator=flow, show_progress_bars=False)


def train(request):
    options = dict(request["options"])
    kind = request["kind"]
    trainer = trainer_of(kind, prior_of(request["prior"]), options.pop("network", None))
    theta, x = decode(request["theta"]), decode(request["x"])
    before = time.process_time()
    estimator = trainer.append_simulations(theta, x).train(**{TRAIN_OPTIONS[name]: value for name, value in options.items()})
    cpu_seconds = time.process_time() - before
    estimators[request["id"]] = kind, estimator, trainer.build_posterior(estimator)
    return {"estimator": request["id"], "cpuSeconds": cpu_seconds}


def sample(request):
    kind, _, posterior = estimators[request["estimator"]]
    observed = decode(request["observed"])
    chains = not kind.startswith("npe")
    before = time.process_time()
    draws = posterior.sample((request["draws"],), x=observed, show_progress_bars=False, **(SAMPLER if chains else {}))
    cpu_seconds = time.process_time() - before
    return {"draws": encode(draws), "cpuSeconds": cpu_seconds, **({"chains": SAMPLER["num_chains"]} if chains else {})}


def evaluate(request):
    kind, estimator, posterior = estimators[request["estimator"]]
    before = time.process_time()
    theta, observed = decode(request["theta"]), decode(request["observed"])
    repeated = observed.repeat(len(theta), 1)
    with torch.no_grad():
        if kind.startswith("nre"):
            values = estimator.unnormalized_log_ratio(theta, repeated)
        elif kind.startswith("npe"):
            values = posterior.log_prob(theta, x=observed)  # without what leaks out of the prior
            values = torch.nan_to_num(values, neginf=-1e30)  # outside the prior, which the caller knows
        else:
            values = estimator.log_prob(repeated.unsqueeze(0), theta)[0]
    return {"log": encode(values.reshape(-1, 1)), "cpuSeconds": time.process_time() - before}


def forget(request):
    estimators.pop(request["estimator"], None)
    return {}


ACTIONS = {"train": train, "sample": sample, "evaluate": evaluate, "forget": forget}


def answer(line):
    try:
        request = json.loads(line)
        if "seed" in request:  # sbi draws from both
            torch.manual_seed(request["seed"])
            numpy.random.seed(request["seed"])
        return ACTIONS[request["do"]](request)
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


def read(requests, folder):
    """Passes lines on; at their end nobody waits for an answer any more, so a training under way is given up."""
    for line in sys.stdin:
        requests.put(line)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main():
    installed = {"python": platform.python_version(), "torch": torch.__version__, "sbi": sbi.__version__}
    print(json.dumps(installed), file=answers, flush=True)
    folder = tempfile.mkdtemp()
    os.chdir(folder)  # sbi writes its logs where it stands
    requests = queue.Queue()
    threading.Thread(target=read, args=(requests, folder), daemon=True).start()
    while True:
        print(json.dumps(answer(requests.get())), file=answers, flush=True)


main()
