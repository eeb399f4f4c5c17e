"""What one would write for the baseline by hand: ten epochs on MNIST, tested after each.

python benchmarks/hand_written.py DATA_ROOT WEIGHTS_FILE
"""

import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.datasets import MNIST

data_root, weights_path = sys.argv[1:]
train, test = MNIST(data_root, train=True), MNIST(data_root, train=False)


def prepare(images: Tensor) -> Tensor:
    """Scale bytes and normalise them."""
    return images.float().div_(255).sub_(0.1307).div_(0.3081)


net = nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=True)
for epoch in range(1, 11):
    for picked in torch.split(torch.randperm(len(train.targets)), 128):
        loss = F.cross_entropy(net(prepare(train.data[picked])), train.targets[picked])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        optimizer.step()
    with torch.inference_mode():
        right = net(prepare(test.data)).argmax(1) == test.targets
    print(f"epoch {epoch}: accuracy {right.float().mean():.4f}")
torch.save(net.state_dict(), weights_path)
