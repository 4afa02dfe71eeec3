"""Networks that keep the contract but for one promise each; `Sound` keeps all. They are installed as a stranger's."""

import random

import torch
from torch import nn
from torch.nn import functional as F

from monaiseg.nn import PaddedNetwork


class Sound(nn.Module):
    """One convolution, norm, ReLU, and a head."""

    def __init__(self, *, spatial_dims, in_channels, out_channels, width=6):
        super().__init__()
        self.conv, norm = (nn.Conv2d, nn.BatchNorm2d) if spatial_dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
        self.body = self.conv(in_channels, width, 3, padding=1)
        self.norm = norm(width)
        self.head = self.conv(width, out_channels, 1)

    def features(self, x):
        return torch.relu(self.norm(self.body(x)))

    def forward(self, x):
        return self.head(self.features(x))


class Deep(Sound):
    """With a second head, before the norm."""

    def __init__(self, *, spatial_dims, in_channels, out_channels, width=6, deep_supervision=False):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels, width=width)
        self.second = self.conv(width, out_channels, 1) if deep_supervision else None

    def second_logits(self, x):
        return self.second(self.body(x))

    def forward(self, x):
        logits = super().forward(x)
        return [logits, self.second_logits(x)] if self.second is not None and self.training else logits


class EndsInSigmoid(Sound):
    def forward(self, x):
        return torch.sigmoid(super().forward(x))


class EndsInSoftmax(Sound):
    def forward(self, x):
        return torch.softmax(super().forward(x), dim=1)


class EndsInTanh(Sound):
    def forward(self, x):
        return torch.tanh(super().forward(x))


class EndsInRelu(Sound):
    def forward(self, x):
        return torch.relu(super().forward(x))


class SigmoidInEvaluation(Sound):
    def forward(self, x):
        logits = super().forward(x)
        return logits if self.training else torch.sigmoid(logits)


class SigmoidInSecondHead(Deep):
    def second_logits(self, x):
        return torch.sigmoid(super().second_logits(x))


class ListInEvaluation(Deep):
    def forward(self, x):
        logits = self.head(self.features(x))
        return logits if self.second is None else [logits, self.second_logits(x)]


class UnusedHead(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        self.classifier = nn.Linear(6, 2)


class EvenSizesOnly(Sound):
    def forward(self, x):
        half = F.max_pool2d(self.features(x), 2)
        return self.head(self.features(x) + F.interpolate(half, scale_factor=2))


class TransposesImages(Sound):
    def forward(self, x):
        return super().forward(x).transpose(2, 3)


class OneClassSqueezed(Sound):
    def forward(self, x):
        logits = super().forward(x)
        return logits.squeeze(1) if logits.shape[1] == 1 else logits


class Prints(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        print(f"a network with {sum(p.numel() for p in self.parameters())} parameters")


class OpensFile(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        with open("/proc/cpuinfo") as file:
            self.cores = file.read().count("processor")


class OpensSocket(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        import socket

        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        socket.socket().close()


class AsksForGpu(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        self.fast = torch.cuda.is_available()


class DropsInEvaluation(Sound):
    def features(self, x):
        return F.dropout(super().features(x), 0.1)


class UnseededWeights(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        generator = torch.Generator().manual_seed(random.SystemRandom().getrandbits(32))
        nn.init.normal_(self.body.weight, std=0.2, generator=generator)


class SeedOfItsOwn(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        torch.manual_seed(42)
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)


class HiddenState(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        self.scale = torch.rand(1, 6, 1, 1) + 0.5

    def features(self, x):
        return super().features(x) * self.scale


class KeepsFeatures(Sound):
    def features(self, x):
        features = super().features(x)
        if self.training:
            self.kept = features
        return features


class MixesTypes(Sound):
    def features(self, x):
        features = super().features(x)
        return torch.lerp(x.mean(1, keepdim=True).expand_as(features), features, 0.9)


class Views(Sound):
    def features(self, x):
        features = super().features(x)
        return features.view(-1).view(features.shape)


class NarrowStrided(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        self.side = self.conv(6, 6, 1, stride=2)

    def features(self, x):
        features = super().features(x)
        return features + self.side(features).mean((2, 3), keepdim=True)


class StatisticsOfTheBatch(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        self.norm = nn.BatchNorm2d(6, track_running_stats=False)


class TwoImagesAtMost(Sound):
    def forward(self, x):
        if len(x) > 2:
            raise ValueError(f"a batch of {len(x)} images")
        return super().forward(x)


class BranchesOnValues(Sound):
    def forward(self, x):
        logits = super().forward(x)
        return logits if self.training or float(logits.max()) > -100 else logits + 1


class OneSideAsNumber(Sound):
    def features(self, x):
        return super().features(x) * (1 + 1 / int(x.shape[2]))


class BeyondOnnx(Sound):
    def features(self, x):
        return super().features(x) + torch.special.bessel_j1(x).mean(1, keepdim=True)


class OtherwiseWhenTraced(Sound):
    def features(self, x):
        return super().features(x) * (2 if torch.jit.is_tracing() else 1)


class OtherwiseWhenCompiled(Sound):
    def features(self, x):
        return super().features(x) * (2 if torch.compiler.is_dynamo_compiling() else 1)


class Deaf(Sound):
    def features(self, x):
        return super().features(x) * 1e-6


class ShallowFirst(Deep):
    def forward(self, x):
        outputs = super().forward(x)
        return outputs[::-1] if isinstance(outputs, list) else outputs


class CoarseHead(Deep):
    def second_logits(self, x):
        return F.avg_pool2d(super().second_logits(x), 2)


class UndeclaredOutput(Sound):
    def forward(self, x):
        logits = super().forward(x)
        return {"logits": logits, "presence": logits.amax((2, 3))} if self.training else logits


class ChangesItsInput(Sound):
    def forward(self, x):
        return super().forward(F.relu(x, inplace=True))


class SpoilsConstants(Sound):
    def forward(self, x):
        return super().forward((x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True))


class FlatOnly(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        if spatial_dims == 3:
            raise ValueError("not yet in 3D")
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)


class SkipsItsNorm(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        self.steps = 0

    def features(self, x):
        self.steps += self.training
        return super().features(x) if self.steps % 2 or not self.training else torch.relu(self.body(x))


class Heavy(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels, width=6):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels, width=width)
        self.table = nn.Parameter(torch.randn(1_000_000))

    def features(self, x):
        return super().features(x) + self.table.mean()


class AnyOption(Sound):
    def __init__(self, *, spatial_dims, in_channels, out_channels, **options):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)


class ByPosition(Sound):
    def __init__(self, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)


class DividesByMore(PaddedNetwork):
    """Needs sizes that 16 divides; its spec says less."""

    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(size_divisor=16)
        self.fine = Sound(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
        self.coarse = nn.Conv2d(in_channels, out_channels, 16, stride=16)

    def compute(self, x):
        return self.fine(x) + F.interpolate(self.coarse(x), scale_factor=16)
