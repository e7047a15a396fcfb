"""Find the operation that overflows in fp16: find_overflow.py [MODEL INPUTS.npz]

Runs the model with every operation's results kept, once as declared and once computed in fp32 ("wide").
The first operation whose results are finite in fp32 but infinite or NaN as declared is the culprit.
Without arguments a small model is converted whose third operation squares large numbers.
"""

import sys
import tempfile

import numpy as np
import pome


def first_overflow(path, inputs):
    """(name, type, largest magnitude in fp32) of the first operation that overflows, or None."""
    plain = pome.Model(path, device="ref", numerics="strict")
    declared = plain.trace(inputs)
    reference = pome.Model(path, device="ref", numerics="wide").trace(inputs)
    for operation in plain.function().body:
        for name in operation.outputs:
            got, exact = declared.get(name), reference.get(name)
            if got is None or got.dtype.kind != "f":
                continue
            if not np.isfinite(got).all() and np.isfinite(exact).all():
                return name, operation.type, float(np.abs(exact).max())
    return None


def small_model(folder):
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb

    @mb.program(input_specs=[mb.TensorSpec(shape=(4,))], opset_version=ct.target.iOS17)
    def program(x):
        scaled = mb.mul(x=x, y=300.0, name="scaled")
        shifted = mb.add(x=scaled, y=1.0, name="shifted")
        squared = mb.mul(x=shifted, y=shifted, name="squared")
        return mb.sqrt(x=squared, name="length")

    path = f"{folder}/small.mlpackage"
    ct.convert(program, minimum_deployment_target=ct.target.iOS17).save(path)
    return path, {"x": np.array([1, 2, 3, 4], np.float32)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) == 3:
            path, inputs = sys.argv[1], dict(np.load(sys.argv[2]))
        else:
            path, inputs = small_model(folder)
        found = first_overflow(path, inputs)
    if found is None:
        print("nothing overflows")
    else:
        print("{} ({}) overflows: its largest magnitude is {:.4g}, fp16 ends at 65504".format(*found))
