"""The models: a table from a name to what makes a module in evaluation mode and its example inputs.

Nothing is downloaded: weights are random, from seeds, and configurations are small. A maker gives
(module, inputs) or (module, inputs, "script") for control flow, which tracing would lose. Modules of
libraries are wrapped in Call, so that each takes tensors and gives tensors.
"""

from functools import partial

import torch
from parts import Call, image


def define_torchvision_operators() -> None:
    """torchvision's kernels do not load beside another build of torch; its Python part needs only that
    the operators exist."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        import sys

        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        define_torchvision_operators.library = library


define_torchvision_operators()


# ---- torchvision: name -> size of the image ----

TORCHVISION = {
    "resnet18": 64,
    "resnext50_32x4d": 64,
    "mobilenet_v2": 96,
    "mobilenet_v3_small": 96,
    "efficientnet_b0": 96,
    "efficientnet_v2_s": 64,
    "convnext_tiny": 64,
    "swin_t": 64,
    "swin_v2_t": 64,
    "vit_b_16": 64,
    "maxvit_t": 224,
    "regnet_y_400mf": 64,
    "densenet121": 64,
    "shufflenet_v2_x1_0": 64,
    "squeezenet1_1": 64,
    "mnasnet0_5": 64,
    "inception_v3": 128,
    "googlenet": 96,
    "vgg11_bn": 64,
    "alexnet": 96,
}
TORCHVISION_ARGUMENTS = {
    "inception_v3": {"init_weights": False},
    "googlenet": {"init_weights": False},
    "vit_b_16": {"image_size": 64},
}

SEGMENTATION = {
    "fcn_resnet50": 64,
    "deeplabv3_mobilenet_v3_large": 64,
    "lraspp_mobilenet_v3_large": 64,
}

VIDEO = {"r3d_18": (8, 32), "r2plus1d_18": (4, 32), "mc3_18": (4, 32)}


def torchvision_model(name: str, size: int):
    import torchvision

    arguments = TORCHVISION_ARGUMENTS.get(name, {})
    module = torchvision.models.get_model(name, weights=None, num_classes=10, **arguments)
    return module, (image(size),)


def segmentation_model(name: str, size: int):
    import torchvision

    module = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=5)
    return Call(module, lambda m, x: m(x)["out"]), (image(size, batch=1),)


def video_model(name: str, frames: int, size: int):
    """Its last pooling is written as a mean: the operator has no conversion."""
    import torchvision

    m = torchvision.models.get_model(name, weights=None, num_classes=10)

    def call(m, x):
        return m.fc(m.layer4(m.layer3(m.layer2(m.layer1(m.stem(x))))).mean((2, 3, 4)))

    return Call(m, call), (torch.randn(1, 3, frames, size, size),)


def detection_heads(name: str):
    """What a detector computes before boxes are chosen: scores and box offsets."""
    import torchvision

    make = getattr(torchvision.models.detection, name)

    def call(m, x):
        heads = m.head(list(m.backbone(x).values()))
        return heads["cls_logits"], heads["bbox_regression"]

    return Call(make(weights=None, weights_backbone=None, num_classes=4), call), (image(128),)


# ---- timm: name -> size ----

TIMM = {
    "mixer_s32_224": 224,
    "gmlp_ti16_224": 224,
    "resmlp_12_224": 224,
    "coatnet_nano_rw_224": 224,
    "maxxvit_rmlp_nano_rw_256": 256,
    "nfnet_l0": 64,
    "dm_nfnet_f0": 64,
    "eca_nfnet_l0": 64,
    "levit_128s": 224,
    "mobilevit_xxs": 64,
    "mobilevitv2_050": 64,
    "fastvit_t8": 64,
    "repvit_m0_9": 64,
    "ghostnet_050": 64,
    "edgenext_xx_small": 64,
    "poolformer_s12": 64,
    "convmixer_768_32": 56,
    "cait_xxs24_224": 224,
    "xcit_nano_12_p16_224": 224,
    "pvt_v2_b0": 64,
    "twins_pcpvt_small": 64,
    "crossvit_9_240": 240,
    "beit_base_patch16_224": 224,
    "deit_tiny_patch16_224": 224,
    "efficientformer_l1": 224,
    "focalnet_tiny_srf": 64,
    "hrnet_w18_small": 64,
    "dla34": 64,
    "res2net50_26w_4s": 64,
    "skresnet18": 64,
    "resnest14d": 64,
    "inception_next_tiny": 64,
    "tinynet_e": 64,
    "lcnet_050": 64,
    "hardcorenas_a": 64,
    "tf_efficientnet_lite0": 64,
    "mobilenetv4_conv_small": 64,
    "mobileone_s0": 64,
    "davit_tiny": 64,
    "nest_tiny": 224,
    "visformer_tiny": 224,
    "volo_d1_224": 224,
    "sequencer2d_s": 224,
    "bat_resnext26ts": 256,
    "halonet26t": 256,
    "lambda_resnet26t": 128,
    "gcresnet33ts": 64,
    "rexnet_100": 64,
    "selecsls42b": 64,
    "vovnet39a": 64,
    "xception41": 96,
    "csatv2": 128,
    "starnet_s1": 64,
}


def timm_model(name: str, size: int):
    import timm

    return timm.create_model(name, pretrained=False, num_classes=10), (image(size),)


# ---- the table ----


def table() -> dict:
    """name -> (family, maker)."""
    import layers
    import transformer_models

    vision = {
        **{n: partial(torchvision_model, n, size) for n, size in TORCHVISION.items()},
        **{n: partial(segmentation_model, n, size) for n, size in SEGMENTATION.items()},
        **{n: partial(video_model, n, *sizes) for n, sizes in VIDEO.items()},
        "retinanet_heads": partial(detection_heads, "retinanet_resnet50_fpn"),
        "ssdlite_heads": partial(detection_heads, "ssdlite320_mobilenet_v3_large"),
    }
    families = {
        "layers": layers.LAYERS,
        "transformers": transformer_models.TRANSFORMERS,
        "diffusers": transformer_models.DIFFUSERS,
        "torchvision": vision,
        "timm": {n: partial(timm_model, n, size) for n, size in TIMM.items()},
    }
    return {n: (family, maker) for family, makers in families.items() for n, maker in makers.items()}
