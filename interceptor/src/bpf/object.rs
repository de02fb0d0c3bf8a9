//! The BPF object that this build carries, and whether an object is one that this build can drive.

use super::CaptureError;
use aya::Ebpf;
use aya::maps::Array;
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
    use crate::bpf::{Capture, CaptureConfig};
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
            exempt: 0,
            flows: NonZeroU32::MIN,
            events: CaptureConfig::EVENTS,
        };
        let said = Capture::load(b"no object", &config).err().unwrap().to_string();
        assert_eq!(said, "the BPF object cannot be read; build it with `cargo xtask ebpf`");
    }
}
