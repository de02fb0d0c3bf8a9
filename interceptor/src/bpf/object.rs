//! The BPF object that this build carries, and whether an object is one that this build can drive.

use super::{CaptureConfig, CaptureError, Pins};
use aya::maps::Array;
use aya::{Ebpf, EbpfLoader};
use interceptor_common::Abi;

/// The object embedded by `build.rs`, or `None` in a build without one.
#[cfg(has_bpf_object)]
pub static EMBEDDED: Option<&[u8]> =
    Some(aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/interceptor.o")));
/// The object embedded by `build.rs`, or `None` in a build without one.
#[cfg(not(has_bpf_object))]
pub static EMBEDDED: Option<&[u8]> = None;

/// The embedded object, or what to do to have one.
pub fn object() -> Result<&'static [u8], CaptureError> {
    carried(EMBEDDED)
}

fn carried(embedded: Option<&'static [u8]>) -> Result<&'static [u8], CaptureError> {
    embedded.ok_or(CaptureError::NoObject)
}

/// Creates the object's maps, or opens those that are pinned, and prepares its programs.
pub(super) fn load(object: &[u8], config: &CaptureConfig, pins: Option<&Pins>) -> Result<Ebpf, CaptureError> {
    let names = pins.map_or(Ok(Vec::new()), |_| map_names(object))?;
    let mut loader = EbpfLoader::new();
    loader.map_max_entries("FLOWS", config.flows.get()).map_max_entries("EVENTS", config.events.get());
    if let Some(pins) = pins {
        for name in &names {
            loader.map_pin_path(name, pins.map(name));
        }
    }
    loader.load(object).map_err(CaptureError::of_load)
}

/// The maps of the object. A dot marks the compiler's own, which belong to one loading of the object.
fn map_names(object: &[u8]) -> Result<Vec<String>, CaptureError> {
    let parsed = aya_obj::Object::parse(object).map_err(|error| CaptureError::of_load(error.into()))?;
    Ok(parsed.maps.into_keys().filter(|name| !name.contains('.')).collect())
}

/// Compares the version that the object carries with ours.
pub(super) fn check_abi(programs: &Ebpf) -> Result<(), CaptureError> {
    let found = read_abi(programs).ok_or(CaptureError::NotOurObject)?;
    if found.magic != Abi::MAGIC {
        return Err(CaptureError::NotOurObject);
    }
    if found != Abi::CURRENT {
        return Err(CaptureError::AbiMismatch { found: found.version, expected: Abi::CURRENT.version });
    }
    Ok(())
}

fn read_abi(programs: &Ebpf) -> Option<Abi> {
    let section = Array::<_, [u8; size_of::<Abi>()]>::try_from(programs.map(".rodata.abi")?).ok()?;
    Some(zerocopy::transmute!(section.get(&0, 0).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::Capture;
    use std::num::NonZeroU32;

    #[test]
    fn a_build_without_an_object_says_what_to_run() {
        let said = carried(None).unwrap_err().to_string();
        assert_eq!(said, "this build carries no BPF object; run `cargo xtask ebpf` and build again");
    }

    #[test]
    fn what_is_no_object_is_not_loaded() {
        let config = CaptureConfig {
            ports: vec![443],
            proxies: Vec::new(),
            exempt: 0,
            flows: NonZeroU32::MIN,
            events: CaptureConfig::EVENTS,
        };
        let said = Capture::load(b"no object", &config).err().unwrap().to_string();
        assert_eq!(said, "the BPF object cannot be read; build it with `cargo xtask ebpf`");
    }
}
