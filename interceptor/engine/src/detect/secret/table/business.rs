//! Payments, messages and work that is done online, by the shapes that
//! their issuers document. Holds shapes only, and no value.

use super::{Key, bare, prefixed};

pub(super) const KEYS: &[Key] = &[
    bare(
        "secret.slack_browser_token",
        "SLACK_BROWSER_TOKEN",
        "a Slack token of a browser session",
        &["xoxc-[0-9]{8,14}-[0-9]{8,14}-[0-9]{8,14}-[0-9a-f]{60,68}"],
    ),
    prefixed(
        "secret.slack_cookie",
        "SLACK_COOKIE",
        "the Slack cookie that goes with a browser token",
        &["xoxd-[0-9A-Za-z%+/=_-]{60,300}"],
    ),
    bare(
        "secret.mandrill_api_key",
        "MANDRILL_API_KEY",
        "a Mailchimp Transactional key",
        &["md-[0-9A-Za-z_-]{22}"],
    ),
    bare("secret.trello_api_token", "TRELLO_API_TOKEN", "a Trello token", &["ATTA[0-9a-f]{64}[0-9A-F]{8}"]),
    prefixed(
        "secret.dropbox_token",
        "DROPBOX_TOKEN",
        "a Dropbox access token",
        &["sl.u.[0-9A-Za-z_-]{60,1400}"],
    ),
    prefixed(
        "secret.salesforce_session",
        "SALESFORCE_SESSION",
        "a Salesforce access token",
        &["00D[0-9A-Za-z]{12}![0-9A-Za-z._]{60,140}"],
    ),
    bare(
        "secret.shopify_theme_token",
        "SHOPIFY_THEME_TOKEN",
        "a Shopify theme, partner or user token",
        &[
            "shptka_[0-9a-f]{32}",
            "shpua_[0-9a-f]{32}",
            "shpit_[0-9a-f]{32}",
            "shpsb_[0-9a-f]{32}",
            "prtapi_[0-9a-f]{32}",
        ],
    ),
    bare(
        "secret.paddle_key",
        "PADDLE_KEY",
        "a Paddle API key",
        &[
            "pdl_live_apikey_[0-9a-z]{26}_[0-9A-Za-z]{22}_[0-9A-Za-z]{3}",
            "pdl_sdbx_apikey_[0-9a-z]{26}_[0-9A-Za-z]{22}_[0-9A-Za-z]{3}",
        ],
    ),
    bare("secret.brex_token", "BREX_TOKEN", "a Brex token", &["bxt_[0-9A-Za-z]{40,48}"]),
    bare(
        "secret.onfido_token",
        "ONFIDO_TOKEN",
        "an Onfido token",
        &[
            "api_live.[0-9A-Za-z_-]{11}.[0-9A-Za-z_-]{32}",
            "api_sandbox.[0-9A-Za-z_-]{11}.[0-9A-Za-z_-]{32}",
            "api_live_us.[0-9A-Za-z_-]{11}.[0-9A-Za-z_-]{32}",
            "api_live_ca.[0-9A-Za-z_-]{11}.[0-9A-Za-z_-]{32}",
        ],
    ),
    bare(
        "secret.persona_key",
        "PERSONA_KEY",
        "a Persona API key",
        &[
            "persona_production_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "persona_sandbox_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ],
    ),
    prefixed(
        "secret.mercury_token",
        "MERCURY_TOKEN",
        "a Mercury token",
        &[
            "secret-token:mercury_production_[0-9A-Za-z_-]{30,80}",
            "secret-token:mercury_sandbox_[0-9A-Za-z_-]{30,80}",
        ],
    ),
    bare(
        "secret.woocommerce_key",
        "WOOCOMMERCE_KEY",
        "a WooCommerce REST key or secret",
        &["cs_[0-9a-f]{40}", "ck_[0-9a-f]{40}"],
    ),
    bare(
        "secret.polar_token",
        "POLAR_TOKEN",
        "a Polar token",
        &["polar_oat_[0-9A-Za-z]{32,48}", "polar_pat_[0-9A-Za-z]{32,48}", "polar_oauth_[0-9A-Za-z]{32,48}"],
    ),
    bare("secret.close_key", "CLOSE_KEY", "a Close API key", &["api_[0-9A-Za-z]{22}.[0-9A-Za-z]{22}"]),
    bare(
        "secret.svix_key",
        "SVIX_KEY",
        "a Svix key",
        &[
            "testsk_[0-9A-Za-z]{32}.eu",
            "testsk_[0-9A-Za-z]{32}.us",
            "sk_[0-9A-Za-z]{32}.eu",
            "sk_[0-9A-Za-z]{32}.us",
        ],
    ),
    bare(
        "secret.sk_underscore_key",
        "SK_UNDERSCORE_KEY",
        "a key of the `sk_` shape whose issuer is not known",
        &["sk_[0-9A-Za-z]{40}", "sk_test_[0-9A-Za-z_-]{40,60}", "sk_live_[0-9A-Za-z_-]{40,60}"],
    ),
    prefixed("secret.vk_token", "VK_TOKEN", "a VK access token", &["vk1.a.[0-9A-Za-z_-]{80,250}"]),
    bare(
        "secret.instagram_token",
        "INSTAGRAM_TOKEN",
        "an Instagram token",
        &["IGQ[0-9A-Za-z]{90,300}", "IGAA[0-9A-Za-z]{90,300}"],
    ),
    prefixed(
        "secret.mapbox_temporary_token",
        "MAPBOX_TEMPORARY_TOKEN",
        "a Mapbox temporary token",
        &["tk.eyJ[0-9A-Za-z_-]{60,120}.[0-9A-Za-z_-]{22}"],
    ),
    bare(
        "secret.discord_mfa_token",
        "DISCORD_MFA_TOKEN",
        "a Discord token of an account with two factors",
        &["mfa.[0-9A-Za-z_-]{84}"],
    ),
];
