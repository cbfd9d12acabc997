"""Trains the networks of networks.ts with PyTorch, one round per line of standard input.

Reads {"name", "architecture", "tableRows", "steps"} and answers {"cpuSeconds"}; the first line out is
{"version", "sbi"}, the latter null where sbi is not installed, without which there are no flows. A step
gathers a minibatch from tables, computes binary cross-entropy (a flow: the negative log density) and its
gradient, and takes an Adam step, as the engine does. One thread.
"""
import contextlib
import importlib.metadata
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(1)


def perceptron(inputs, hidden):
    layers = []
    for width in (inputs, hidden, hidden):
        layers += [nn.Linear(width, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, 1)), (inputs,)


def convolutional(size):
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, 2, 2), nn.ReLU(),
        nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * (size // 8) ** 2, 64), nn.ReLU(), nn.Linear(64, 1),
    ), (1, size, size)


def flow(architecture, table_rows):
    """sbi's own flow at its defaults, which standardises what it is given."""
    from sbi.neural_nets.net_builders.flow import build_maf, build_nsf

    context = torch.randn(table_rows, architecture["contextDim"])
    dim = architecture["valueDim"]
    value = 0.8 * context[:, :dim] + 0.6 * torch.randn(table_rows, dim)
    net = {"maf": build_maf, "nsf": build_nsf}[architecture["family"]](value, context)
    return net, value, context, lambda value, context: net.loss(value, context).mean()


def trainer(architecture, table_rows):
    torch.manual_seed(0)
    if architecture["kind"] == "flow":
        with contextlib.redirect_stdout(sys.stderr):
            net, x, y, loss_of = flow(architecture, table_rows)
    else:
        if architecture["kind"] == "mlp":
            net, shape = perceptron(architecture["inputs"], architecture["hidden"])
        else:
            net, shape = convolutional(architecture["size"])
        x = torch.randn(table_rows, *shape)
        y = (torch.arange(table_rows) % 2).float()[:, None]
        loss_of = lambda x, y: F.binary_cross_entropy_with_logits(net(x), y)
    rows = torch.randint(table_rows, (50, architecture["rows"]))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)

    def train(steps):
        losses = []
        for step in range(steps):
            index = rows[step % len(rows)]
            optimiser.zero_grad()
            loss = loss_of(x[index], y[index])
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())

    train(5)
    return train


def sbi_version():
    try:
        return importlib.metadata.version("sbi")
    except importlib.metadata.PackageNotFoundError:
        return None


def main():
    print(json.dumps({"version": torch.__version__, "sbi": sbi_version()}), flush=True)
    trainers = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request["name"]
        if name not in trainers:
            trainers[name] = trainer(request["architecture"], request["tableRows"])
        before = time.process_time()
        trainers[name](request["steps"])
        print(json.dumps({"cpuSeconds": time.process_time() - before}), flush=True)


main()
