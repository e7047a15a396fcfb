"""Verify a converted PyTorch model on any machine: a non-zero exit status when the two disagree."""

import coremltools as ct
import numpy as np
import pome.coremltools  # noqa: F401  coremltools' predict now runs on pome
import torch

net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten()).eval()
image = torch.randn(1, 3, 16, 16)
traced = torch.jit.trace(net, image)
model = ct.convert(traced, inputs=[ct.TensorType(name="image", shape=image.shape)])
(got,) = model.predict({"image": image.numpy()}).values()
expected = net(image).detach().numpy()
np.testing.assert_allclose(got, expected, atol=0.01, rtol=0.01)
print(f"agree to {np.abs(got - expected).max():.2g} at most")
