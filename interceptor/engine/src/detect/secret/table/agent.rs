//! Services that agents and models are built with, by the shapes that
//! their issuers document. Holds shapes only, and no value.

use super::{Key, announced, bare, prefixed};

pub(super) const KEYS: &[Key] = &[
    bare(
        "secret.together_new_key",
        "TOGETHER_NEW_KEY",
        "a Together AI API key",
        &["tgp_v1_[0-9A-Za-z_-]{43}"],
    ),
    bare("secret.llamacloud_key", "LLAMACLOUD_KEY", "a LlamaCloud API key", &["llx-[0-9A-Za-z]{48}"]),
    bare("secret.nomic_key", "NOMIC_KEY", "a Nomic API key", &["nk-[0-9A-Za-z_-]{43}"]),
    bare("secret.cartesia_key", "CARTESIA_KEY", "a Cartesia API key", &["sk_car_[0-9A-Za-z_-]{20,48}"]),
    bare(
        "secret.context7_key",
        "CONTEXT7_KEY",
        "a Context7 API key",
        &["ctx7sk-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"],
    ),
    bare(
        "secret.hex_key",
        "HEX_KEY",
        "a Cursor or Runway API key",
        &["key_[0-9a-f]{64}", "key_[0-9a-f]{128}"],
    ),
    bare(
        "secret.brave_search_key",
        "BRAVE_SEARCH_KEY",
        "a Brave Search API key",
        &["BSA[0-9A-Za-z_-]{27,28}"],
    ),
    bare("secret.mem0_key", "MEM0_KEY", "a Mem0 API key", &["m0-[0-9A-Za-z]{40}"]),
    bare("secret.promptlayer_key", "PROMPTLAYER_KEY", "a PromptLayer API key", &["pl_[0-9a-f]{32}"]),
    bare("secret.predibase_key", "PREDIBASE_KEY", "a Predibase token", &["pb_[0-9A-Za-z_-]{22}"]),
    bare("secret.runpod_key", "RUNPOD_KEY", "a RunPod API key", &["rpa_[0-9A-Za-z]{36,52}"]),
    prefixed(
        "secret.chutes_key",
        "CHUTES_KEY",
        "a Chutes API key",
        &["cpk_[0-9a-f]{32}.[0-9a-f]{32}.[0-9A-Za-z]{32}"],
    ),
    bare(
        "secret.logfire_token",
        "LOGFIRE_TOKEN",
        "a Pydantic Logfire token",
        &[
            "pylf_v1_us_[0-9A-Za-z]{43}",
            "pylf_v1_eu_[0-9A-Za-z]{43}",
            "pylf_v2_us_[0-9A-Za-z]{43}",
            "pylf_v2_eu_[0-9A-Za-z]{43}",
        ],
    ),
    bare(
        "secret.luma_key",
        "LUMA_KEY",
        "a Luma AI API key",
        &[
            "luma-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ],
    ),
    bare("secret.targon_key", "TARGON_KEY", "a Targon API key", &["sn4_[0-9a-z]{28}"]),
    bare("secret.composio_key", "COMPOSIO_KEY", "a Composio API key", &["ak_[0-9A-Za-z_-]{20}"]),
    announced(
        "secret.zhipu_key",
        "ZHIPU_KEY",
        "a Zhipu API key",
        &["zhipu", "bigmodel", "zai_api"],
        &["[0-9a-f]{32}.[0-9A-Za-z]{16}"],
    ),
    announced(
        "secret.modal_token",
        "MODAL_TOKEN",
        "a Modal token",
        &["modal"],
        &["as-[0-9A-Za-z]{22}", "ak-[0-9A-Za-z]{22}"],
    ),
    announced(
        "secret.baseten_key",
        "BASETEN_KEY",
        "a Baseten API key",
        &["baseten"],
        &["[0-9A-Za-z]{8}.[0-9A-Za-z]{32}"],
    ),
    announced(
        "secret.fal_key",
        "FAL_KEY",
        "a fal.ai key",
        &["fal_key", "fal_api", "fal.ai"],
        &["[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}:[0-9a-f]{32}"],
    ),
];
