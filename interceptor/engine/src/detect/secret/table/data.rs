//! Databases, analytics and monitoring, by the shapes that
//! their issuers document. Holds shapes only, and no value.

use super::{Key, bare, prefixed};

pub(super) const KEYS: &[Key] = &[
    prefixed(
        "secret.confluent_cloud_secret",
        "CONFLUENT_CLOUD_SECRET",
        "a Confluent Cloud API secret",
        &["cflt[0-9A-Za-z+/]{60}"],
    ),
    bare(
        "secret.cockroach_key",
        "COCKROACH_KEY",
        "a CockroachDB Cloud key",
        &["CCDB1_[0-9A-Za-z]{22}_[0-9A-Za-z]{40}"],
    ),
    bare(
        "secret.databricks_other_token",
        "DATABRICKS_OTHER_TOKEN",
        "a Databricks token",
        &["dose[0-9a-f]{32}", "dkea[0-9a-f]{32}", "dsapi[0-9a-f]{32}"],
    ),
    bare("secret.xata_key", "XATA_KEY", "a Xata API key", &["xau_[0-9A-Za-z]{32,44}"]),
    prefixed("secret.aiven_token", "AIVEN_TOKEN", "an Aiven token", &["aivenv1[0-9A-Za-z+/=]{200,900}"]),
    bare(
        "secret.dbt_token",
        "DBT_TOKEN",
        "a dbt Cloud token",
        &["dbtc_[0-9A-Za-z_-]{36,44}", "dbtu_[0-9A-Za-z_-]{36,44}"],
    ),
    bare(
        "secret.prefect_service_key",
        "PREFECT_SERVICE_KEY",
        "a Prefect service account key",
        &["pnb_[0-9A-Za-z]{36}"],
    ),
    prefixed(
        "secret.elastic_serverless_key",
        "ELASTIC_SERVERLESS_KEY",
        "an Elastic key",
        &["essu_[0-9A-Za-z+/=]{40,100}", "essa_[0-9A-Za-z+/=]{40,100}"],
    ),
    bare(
        "secret.axiom_token",
        "AXIOM_TOKEN",
        "an Axiom token",
        &[
            "xaat-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "xapt-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ],
    ),
    bare(
        "secret.statsig_key",
        "STATSIG_KEY",
        "a Statsig server or console key",
        &["secret-[0-9A-Za-z]{40,48}", "console-[0-9A-Za-z]{40,48}"],
    ),
    bare("secret.incident_io_key", "INCIDENT_IO_KEY", "an incident.io key", &["inc_live_[0-9A-Za-z]{30,64}"]),
    bare("secret.checkly_key", "CHECKLY_KEY", "a Checkly key", &["cu_[0-9a-f]{32}"]),
    bare(
        "secret.healthchecks_key",
        "HEALTHCHECKS_KEY",
        "a Healthchecks.io key",
        &["hcw_[0-9A-Za-z]{28}", "hcr_[0-9A-Za-z]{28}"],
    ),
    prefixed(
        "secret.dynatrace_short_token",
        "DYNATRACE_SHORT_TOKEN",
        "a Dynatrace platform token",
        &[
            "dt0s01.[0-9A-Z]{8}.[0-9A-Z]{64}",
            "dt0s02.[0-9A-Z]{8}.[0-9A-Z]{64}",
            "dt0s08.[0-9A-Z]{8}.[0-9A-Z]{64}",
        ],
    ),
    bare("secret.telnyx_key", "TELNYX_KEY", "a Telnyx API key", &["KEY0[0-9A-F]{31}_[0-9A-Za-z]{22}"]),
    bare(
        "secret.pubnub_secret",
        "PUBNUB_SECRET",
        "a PubNub secret key",
        &["sec-c-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"],
    ),
];
