//! Azure keys that carry the signature of their service, by the shapes that
//! their issuers document. Holds shapes only, and no value.

use super::{Key, announced, prefixed};

pub(super) const KEYS: &[Key] = &[
    prefixed(
        "secret.azure_bus_key",
        "AZURE_BUS_KEY",
        "an Azure Service Bus, Event Hubs or Relay key",
        &[
            "[0-9A-Za-z+/]{33}+ASb[0-9A-Za-z+/]{6}=",
            "[0-9A-Za-z+/]{33}+AEh[0-9A-Za-z+/]{6}=",
            "[0-9A-Za-z+/]{33}+ARm[0-9A-Za-z+/]{6}=",
        ],
    ),
    prefixed(
        "secret.azure_iot_key",
        "AZURE_IOT_KEY",
        "an Azure IoT key",
        &["[0-9A-Za-z+/]{33}AIoT[0-9A-Za-z+/]{6}="],
    ),
    announced(
        "secret.azure_sas_signature",
        "AZURE_SAS_SIGNATURE",
        "the signature of an Azure shared access URL",
        &["?sig=", "&sig="],
        &["[0-9A-Za-z+/]{43}=", "[0-9A-Za-z%]{45,90}"],
    ),
];
