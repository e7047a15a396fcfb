"""Models of transformers and diffusers, from configurations of a few kilobytes.

What the libraries read from a hub is replaced by numbers here. Attention is the one that is written out,
and no cache leaves the modules, so that a trace sees tensors only.
"""

from functools import partial

import torch
from parts import Call, image, tokens

# ---- transformers ----

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 99,
    "max_position_embeddings": 64,
}
# name: (configuration, model, settings, what is called)
TEXT = {
    "bert": ("BertConfig", "BertModel", {}),
    "bert_mlm": ("BertConfig", "BertForMaskedLM", {}),
    "distilbert": (
        "DistilBertConfig",
        "DistilBertForSequenceClassification",
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    ),
    "roberta": ("RobertaConfig", "RobertaForSequenceClassification", {"pad_token_id": 0}),
    "albert": ("AlbertConfig", "AlbertModel", {"embedding_size": 16}),
    "electra": ("ElectraConfig", "ElectraForTokenClassification", {"embedding_size": 16}),
    "deberta": (
        "DebertaConfig",
        "DebertaModel",
        {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    ),
    "deberta_v2": (
        "DebertaV2Config",
        "DebertaV2Model",
        {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8},
    ),
    "mobilebert": (
        "MobileBertConfig",
        "MobileBertModel",
        {"embedding_size": 32, "intra_bottleneck_size": 16, "true_hidden_size": 16},
    ),
    "squeezebert": ("SqueezeBertConfig", "SqueezeBertModel", {"embedding_size": 32}),
    "fnet": ("FNetConfig", "FNetModel", {}),
    "mpnet": ("MPNetConfig", "MPNetModel", {}),
    "nystromformer": (
        "NystromformerConfig",
        "NystromformerModel",
        {"num_landmarks": 4, "segment_means_seq_len": 12},
    ),
    "convbert": ("ConvBertConfig", "ConvBertModel", {"embedding_size": 32}),
    "roformer": ("RoFormerConfig", "RoFormerModel", {"embedding_size": 32}),
}
CAUSAL = {
    "gpt2": (
        "GPT2Config",
        "GPT2LMHeadModel",
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    ),
    "gpt_neo": (
        "GPTNeoConfig",
        "GPTNeoForCausalLM",
        {
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 4,
        },
    ),
    "gpt_neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM", {}),
    "gptj": (
        "GPTJConfig",
        "GPTJForCausalLM",
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_positions": 64},
    ),
    "opt": ("OPTConfig", "OPTForCausalLM", {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    "bloom": ("BloomConfig", "BloomForCausalLM", {"n_layer": 2, "n_head": 4}),
    "falcon": ("FalconConfig", "FalconForCausalLM", {}),
    "llama": ("LlamaConfig", "LlamaForCausalLM", {"num_key_value_heads": 2}),
    "mistral": (
        "MistralConfig",
        "MistralForCausalLM",
        {"num_key_value_heads": 2, "sliding_window": None},
    ),
    "mixtral": (
        "MixtralConfig",
        "MixtralForCausalLM",
        {"num_key_value_heads": 2, "num_local_experts": 4},
    ),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", {"num_key_value_heads": 2}),
    "gemma": ("GemmaConfig", "GemmaForCausalLM", {"num_key_value_heads": 1, "head_dim": 8}),
    "gemma2": (
        "Gemma2Config",
        "Gemma2ForCausalLM",
        {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 4},
    ),
    "phi": ("PhiConfig", "PhiForCausalLM", {}),
    "phi3": ("Phi3Config", "Phi3ForCausalLM", {"num_key_value_heads": 2, "pad_token_id": 0}),
    "stablelm": ("StableLmConfig", "StableLmForCausalLM", {"num_key_value_heads": 2}),
    "cohere": ("CohereConfig", "CohereForCausalLM", {"num_key_value_heads": 2}),
    "olmo": ("OlmoConfig", "OlmoForCausalLM", {"num_key_value_heads": 2}),
    "mamba": ("MambaConfig", "MambaForCausalLM", {"state_size": 8}),
    "mamba2": (
        "Mamba2Config",
        "Mamba2ForCausalLM",
        {"state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 2, "chunk_size": 4},
    ),
    "rwkv": ("RwkvConfig", "RwkvForCausalLM", {"attention_hidden_size": 32}),
}


def open_deberta() -> None:
    """DeBERTa's softmax is a Python function with a gradient of its own, which no trace looks into."""
    from transformers.models.deberta import modeling_deberta
    from transformers.models.deberta_v2 import modeling_deberta_v2

    class Softmax:
        @staticmethod
        def apply(scores, mask, axis):
            return scores.masked_fill(~mask.bool(), -3e4).softmax(axis).masked_fill(~mask.bool(), 0.0)

    modeling_deberta.XSoftmax = modeling_deberta_v2.XSoftmax = Softmax


def transformer(configuration: str, model: str, settings: dict):
    import transformers

    if configuration.startswith("Deberta"):
        open_deberta()
    sizes = {**SMALL, **settings}
    config = getattr(transformers, configuration)(**sizes)
    config.use_cache = False
    config.return_dict = False
    config._attn_implementation = "eager"
    return getattr(transformers, model)(config)


def text_model(configuration: str, model: str, settings: dict):
    def call(m, ids, mask):
        masks = {} if configuration == "FNetConfig" else {"attention_mask": mask}
        return m(input_ids=ids, **masks, return_dict=False)[0]

    mask = torch.ones(1, 12, dtype=torch.int32)
    mask[:, 9:] = 0
    return Call(transformer(configuration, model, settings), call), (tokens(12), mask)


def causal_model(configuration: str, model: str, settings: dict):
    def call(m, ids):
        return m(input_ids=ids, return_dict=False)[0]

    return Call(transformer(configuration, model, settings), call), (tokens(12),)


def first(m, *inputs):
    return m(*inputs, return_dict=False)[0]


def t5():
    config = (
        "T5Config",
        "T5ForConditionalGeneration",
        {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4},
    )

    def call(m, ids, decoder_ids):
        out = m(input_ids=ids, decoder_input_ids=decoder_ids, return_dict=False)
        return out[0]

    return Call(transformer(*config), call), (tokens(10), tokens(5))


def seq2seq(configuration: str, model: str, **settings):
    sizes = {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        **settings,
    }

    def call(m, ids, decoder_ids):
        return m(input_ids=ids, decoder_input_ids=decoder_ids, return_dict=False)[0]

    return Call(transformer(configuration, model, sizes), call), (tokens(10), tokens(5))


WHISPER = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "num_mel_bins": 20,
    "max_source_positions": 50,
    "max_target_positions": 20,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}


def whisper_encoder():
    module = transformer("WhisperConfig", "WhisperModel", WHISPER).encoder
    return Call(module, lambda m, x: m(x, return_dict=False)[0]), (torch.randn(1, 20, 100),)


def whisper_decoder():
    def call(m, ids, states):
        hidden = m.model.decoder(input_ids=ids, encoder_hidden_states=states, use_cache=False, return_dict=False)[0]
        return m.proj_out(hidden)

    module = transformer("WhisperConfig", "WhisperForConditionalGeneration", WHISPER)
    return Call(module, call), (tokens(6), torch.randn(1, 50, 32))


VISION_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}


def clip(part: str):
    import transformers

    text = {**SMALL, "max_position_embeddings": 16}
    config = transformers.CLIPConfig(text_config=text, vision_config=VISION_SMALL, projection_dim=24)
    config.text_config._attn_implementation = config.vision_config._attn_implementation = "eager"
    module = transformers.CLIPModel._from_config(config, attn_implementation="eager")
    if part == "image":
        return Call(module, lambda m, x: m.get_image_features(pixel_values=x)), (image(32),)
    return Call(module, lambda m, x: m.get_text_features(input_ids=x)), (tokens(8),)


def vision_transformer(configuration: str, model: str, size: int, settings: dict):
    module = transformer(configuration, model, {**VISION_SMALL, **settings})
    return Call(module, first), (image(size),)


def segformer():
    settings = {
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 2, 3, 4],
        "decoder_hidden_size": 16,
        "num_labels": 5,
    }
    module = transformer("SegformerConfig", "SegformerForSemanticSegmentation", settings)
    return Call(module, first), (image(64),)


DETR = {
    "use_timm_backbone": False,
    "use_pretrained_backbone": False,
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "num_queries": 6,
}


def resnet_backbone():
    import transformers

    return transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], out_features=["stage4"])


def detr():
    import transformers

    config = transformers.DetrConfig(**DETR, backbone_config=resnet_backbone(), backbone=None)
    module = transformers.DetrForObjectDetection._from_config(config, attn_implementation="eager")

    def call(m, x):
        # a mask given from outside, as tracing makes the default one of the example's size
        mask = torch.ones(x.shape[0], x.shape[2], x.shape[3], dtype=torch.int64)
        return m(pixel_values=x, pixel_mask=mask, return_dict=False)[:2]

    return Call(module, call), (image(64),)


def sound_model(configuration: str, model: str):
    settings = {
        "conv_dim": (16, 16, 16),
        "conv_kernel": (10, 3, 3),
        "conv_stride": (5, 2, 2),
        "num_feat_extract_layers": 3,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
        "vocab_size": 20,
    }
    module = transformer(configuration, model, settings)
    return Call(module, lambda m, x: m(x, return_dict=False)[0]), (torch.randn(1, 800),)


def encodec():
    import transformers

    config = transformers.EncodecConfig(num_filters=8, upsampling_ratios=[4, 2], hidden_size=16, codebook_dim=16, num_lstm_layers=1)
    module = transformers.EncodecModel(config)
    return Call(module, lambda m, x: m.decoder(m.encoder(x))), (torch.randn(1, 1, 256),)


def hifigan():
    import transformers

    config = transformers.SpeechT5HifiGanConfig(
        model_in_dim=20,
        upsample_initial_channel=32,
        upsample_rates=[4, 4],
        upsample_kernel_sizes=[8, 8],
        resblock_kernel_sizes=[3, 5],
        resblock_dilation_sizes=[[1, 3], [1, 3]],
    )
    return transformers.SpeechT5HifiGan(config), (torch.randn(30, 20),)


VISION = {
    "hf_vit": ("ViTConfig", "ViTForImageClassification", 32, {}),
    "hf_deit": ("DeiTConfig", "DeiTForImageClassification", 32, {}),
    "hf_beit": (
        "BeitConfig",
        "BeitForImageClassification",
        32,
        {"use_relative_position_bias": True},
    ),
    "hf_dinov2": ("Dinov2Config", "Dinov2Model", 32, {}),
    "hf_swin": (
        "SwinConfig",
        "SwinForImageClassification",
        64,
        {
            "image_size": 64,
            "patch_size": 4,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
        },
    ),
    "hf_swinv2": (
        "Swinv2Config",
        "Swinv2ForImageClassification",
        64,
        {
            "image_size": 64,
            "patch_size": 4,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
        },
    ),
    "hf_swin2sr": (
        "Swin2SRConfig",
        "Swin2SRForImageSuperResolution",
        32,
        {
            "image_size": 32,
            "patch_size": 1,
            "embed_dim": 24,
            "depths": [2],
            "num_heads": [4],
            "window_size": 8,
        },
    ),
    "hf_convnext": (
        "ConvNextConfig",
        "ConvNextForImageClassification",
        64,
        {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1]},
    ),
    "hf_dpt": (
        "DPTConfig",
        "DPTForDepthEstimation",
        32,
        {
            "num_hidden_layers": 4,
            "backbone_out_indices": [0, 1, 2, 3],
            "neck_hidden_sizes": [8, 16, 24, 32],
            "fusion_hidden_size": 16,
            "is_hybrid": False,
        },
    ),
    "hf_glpn": (
        "GLPNConfig",
        "GLPNForDepthEstimation",
        64,
        {
            "hidden_sizes": [8, 16, 24, 32],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 2, 3, 4],
            "decoder_hidden_size": 16,
        },
    ),
    "hf_levit": (
        "LevitConfig",
        "LevitForImageClassification",
        64,
        {
            "image_size": 64,
            "hidden_sizes": [32, 48, 64],
            "num_attention_heads": [2, 3, 4],
            "depths": [1, 1, 1],
            "key_dim": [8, 8, 8],
            "patch_size": 16,
        },
    ),
    "hf_poolformer": (
        "PoolFormerConfig",
        "PoolFormerForImageClassification",
        64,
        {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_encoder_blocks": 4},
    ),
}


# ---- diffusers ----


def unet():
    from diffusers import UNet2DConditionModel

    module = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=24,
        attention_head_dim=8,
    )

    def call(m, sample, time, states):
        return m(sample, time, states, return_dict=False)[0]

    inputs = (torch.randn(2, 4, 16, 16), torch.tensor([7.0, 7.0]), torch.randn(2, 5, 24))
    return Call(module, call), inputs


def vae(part: str):
    from diffusers import AutoencoderKL

    module = AutoencoderKL(
        block_out_channels=(16, 32),
        norm_num_groups=8,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    if part == "encoder":
        return Call(module, lambda m, x: m.quant_conv(m.encoder(x))), (image(32),)
    return Call(module, lambda m, z: m.decode(z, return_dict=False)[0]), (image(16, 4),)


def dit():
    from diffusers import DiTTransformer2DModel

    module = DiTTransformer2DModel(
        num_attention_heads=4,
        attention_head_dim=8,
        num_layers=2,
        sample_size=8,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_embeds_ada_norm=10,
        norm_num_groups=8,
    )

    def call(m, x, time, label):
        return m(x, timestep=time, class_labels=label, return_dict=False)[0]

    inputs = (
        image(8, 4),
        torch.tensor([3], dtype=torch.int32),
        torch.tensor([2], dtype=torch.int32),
    )
    return Call(module, call), inputs


# ---- the tables ----

TRANSFORMERS = {
    **{name: partial(text_model, *row) for name, row in TEXT.items()},
    **{name: partial(causal_model, *row) for name, row in CAUSAL.items()},
    "t5": t5,
    "bart": partial(seq2seq, "BartConfig", "BartForConditionalGeneration"),
    "marian": partial(seq2seq, "MarianConfig", "MarianMTModel", pad_token_id=0),
    "pegasus": partial(seq2seq, "PegasusConfig", "PegasusForConditionalGeneration"),
    "whisper_encoder": whisper_encoder,
    "whisper_decoder": whisper_decoder,
    "clip_image": partial(clip, "image"),
    "clip_text": partial(clip, "text"),
    "segformer": segformer,
    "detr": detr,
    "wav2vec2": partial(sound_model, "Wav2Vec2Config", "Wav2Vec2ForCTC"),
    "hubert": partial(sound_model, "HubertConfig", "HubertForCTC"),
    "wavlm": partial(sound_model, "WavLMConfig", "WavLMModel"),
    "encodec": encodec,
    "hifigan": hifigan,
    **{name: partial(vision_transformer, *row) for name, row in VISION.items()},
}
DIFFUSERS = {
    "unet2d_condition": unet,
    "vae_encoder": partial(vae, "encoder"),
    "vae_decoder": partial(vae, "decoder"),
    "dit": dit,
}
