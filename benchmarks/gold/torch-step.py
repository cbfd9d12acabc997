"""Takes the training steps of steps.ts with PyTorch, one request per line of standard input.

The first line out is {"torch"}. Each request is answered by one line, {"error"} if it fails:

    {"do": "open", "name", "score", "parameters", "tables", "rows", "rate", "weightDecay", "clipNorm"} -> {"losses"}
    {"do": "train", "name", "calls"} -> {"cpuSeconds"}

"open" builds the network from its initial parameters and takes one call of steps, "train" takes more: as many calls, each
of a step per row of "rows". Arrays are matrices {"shape", "float32"}: little-endian, row-major, base64. One thread.
"""
import base64
import json
import struct
import sys
import time

import torch
from torch import nn
from torch.nn import functional

torch.set_num_threads(1)


def decode(array):
    data = base64.b64decode(array["float32"])
    return torch.tensor(struct.unpack(f"<{len(data) // 4}f", data)).reshape(array["shape"])


def network(parameters):
    """tanh layers on [theta, x]; weights are [inputs, outputs], the first layer's in two parts."""
    first, second, *others = [decode(parameter) for parameter in parameters]
    pairs = [torch.cat([first, second]), *others]
    layers = []
    for weight, bias in zip(pairs[::2], pairs[1::2]):
        linear = nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(weight.T)
            linear.bias.copy_(bias[0])
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def trainer(request):
    net = network(request["parameters"])
    tables = [decode(request["tables"][name]) for name in ("theta", "x", "gold")]
    rows = decode(request["rows"]).long()
    with_score = request["score"]
    parameters = list(net.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=request["rate"], weight_decay=request["weightDecay"])

    def step(index):
        theta, x, gold = [table[index] for table in tables]
        if with_score:
            theta.requires_grad_()
        log_ratio = net(torch.cat([theta, x], 1))[:, 0]
        # galton's labels are 1 for the reference, the logit's are 1 for the numerator
        entropy = functional.binary_cross_entropy_with_logits(log_ratio, 1 - gold[:, 0], reduction="none")
        loss = (gold[:, 2] * entropy).mean()
        if with_score:
            (slope,) = torch.autograd.grad(log_ratio.sum(), theta, create_graph=True)
            loss = loss + (gold[:, 3] * (slope - gold[:, 4:]).square().sum(1)).mean()
        optimiser.zero_grad()
        loss.backward(inputs=parameters)
        nn.utils.clip_grad_norm_(parameters, request["clipNorm"])
        optimiser.step()
        return loss.detach()

    return lambda calls: [step(index) for _ in range(calls) for index in rows]


trainers = {}


def answer(request):
    name = request["name"]
    if request["do"] == "open":
        trainers[name] = trainer(request)
        return {"losses": [loss.item() for loss in trainers[name](1)]}
    before = time.process_time()
    trainers[name](request["calls"])
    return {"cpuSeconds": time.process_time() - before}


def main():
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


main()
