//! What the kernel side and the daemon agree on: flat structs, their sizes, the ABI version.
//! Knows no BPF helper, no socket and no allocation.
#![no_std]
