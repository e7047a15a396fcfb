"""Compressed weights: every way that coremltools has to shrink a converted model.

What is proved here is the decoding: the truth is what coremltools' own decompressor makes of the same
package, run by pome in strict numerics (whose dense programs the other variants compare with PyTorch).
Strict results must then be equal to the bit.
"""

import coremltools as ct
import coremltools.optimize.coreml as cto
import judge
from judge import Trial

WHOLE = {"weight_threshold": 64}  # the models are small, and so are their weights


def config(settings) -> cto.OptimizationConfig:
    return cto.OptimizationConfig(global_config=settings)


def linear(**settings):
    whole = config(cto.OpLinearQuantizerConfig(**WHOLE, **settings))
    return lambda model: cto.linear_quantize_weights(model, whole)


def palette(joint: bool = False, **settings):
    whole = config(cto.OpPalettizerConfig(**WHOLE, **settings))
    return lambda model: cto.palettize_weights(model, whole, joint_compression=joint)


def sparse(joint: bool = False, **settings):
    whole = config(cto.OpMagnitudePrunerConfig(**WHOLE, **settings))
    return lambda model: cto.prune_weights(model, whole, joint_compression=joint)


def after(*steps):
    def apply(model):
        for step in steps:
            model = step(model)
        return model

    return apply


def joint_linear(**settings):
    whole = config(cto.OpLinearQuantizerConfig(**WHOLE, **settings))
    return lambda model: cto.linear_quantize_weights(model, whole, joint_compression=True)


BLOCKS = {"granularity": "per_block", "block_size": 8}
GROUPS = {"granularity": "per_grouped_channel", "group_size": 4}
# name: (opset, what is done to the model)
METHODS = {
    "int8": ("ios16", linear(mode="linear_symmetric", dtype="int8")),
    "uint8_affine": ("ios16", linear(mode="linear", dtype="uint8")),
    "int8_tensor": ("ios18", linear(mode="linear", dtype="int8", granularity="per_tensor")),
    "int8_block": ("ios18", linear(mode="linear", dtype="int8", **BLOCKS)),
    "int4_block": ("ios18", linear(mode="linear_symmetric", dtype="int4", **BLOCKS)),
    "uint4_block": ("ios18", linear(mode="linear", dtype="uint4", **BLOCKS)),
    "int4_channel": ("ios18", linear(mode="linear_symmetric", dtype="int4")),
    **{f"lut{n}": ("ios16", palette(mode="uniform", nbits=n)) for n in (1, 2, 4, 6, 8)},
    **{f"lut{n}_ios18": ("ios18", palette(mode="uniform", nbits=n)) for n in (1, 2, 3, 4, 6, 8)},
    "lut4_kmeans": ("ios16", palette(mode="kmeans", nbits=4)),
    "lut4_groups": ("ios18", palette(mode="uniform", nbits=4, **GROUPS)),
    "lut3_groups": ("ios18", palette(mode="kmeans", nbits=3, **GROUPS)),
    "lut4_scaled": ("ios18", palette(mode="kmeans", nbits=4, enable_per_channel_scale=True)),
    "lut2_vector": ("ios18", palette(mode="kmeans", nbits=2, cluster_dim=2)),
    "lut4_vector_groups": ("ios18", palette(mode="kmeans", nbits=4, cluster_dim=4, **GROUPS)),
    "sparse": ("ios16", sparse(target_sparsity=0.6)),
    "sparse_ios18": ("ios18", sparse(target_sparsity=0.6)),
    "sparse_n_m": ("ios18", sparse(n_m_ratio=(2, 4))),
    "sparse_lut4": (
        "ios18",
        after(sparse(target_sparsity=0.5), palette(joint=True, mode="uniform", nbits=4)),
    ),
    "sparse_lut2_groups": (
        "ios18",
        after(sparse(target_sparsity=0.5), palette(joint=True, mode="kmeans", nbits=2, **GROUPS)),
    ),
    "sparse_int8": (
        "ios18",
        after(sparse(target_sparsity=0.5), joint_linear(mode="linear_symmetric", dtype="int8")),
    ),
    "sparse_int4": (
        "ios18",
        after(sparse(target_sparsity=0.5), joint_linear(mode="linear_symmetric", dtype="int4")),
    ),
    "lut4_int8": (
        "ios18",
        after(
            palette(mode="uniform", nbits=4, **GROUPS),
            joint_linear(mode="linear_symmetric", dtype="int8", granularity="per_tensor"),
        ),
    ),
    "sparse_lut4_int8": (
        "ios18",
        after(
            sparse(target_sparsity=0.5),
            palette(joint=True, mode="uniform", nbits=4),
            joint_linear(mode="linear_symmetric", dtype="int8", granularity="per_tensor"),
        ),
    ),
}


def compressed(name: str):
    import variants

    target, method = METHODS[name]

    def variant(source):
        dense = variants.convert(source, minimum_deployment_target=variants.TARGETS[target])
        model = method(dense)
        path = source.save(model, name)
        expanded = source.save(cto.decompress_weights(ct.models.MLModel(str(path), skip_model_load=True)), "dense")
        known = Trial(expanded, source.named(), {})
        truth, _ = judge.predict(known, "cpu", "strict", source.folder)
        return [Trial(path, source.named(), truth, exact=True, limit=2e-2)], False

    return variant


VARIANTS = {f"c_{name}": compressed(name) for name in METHODS}
