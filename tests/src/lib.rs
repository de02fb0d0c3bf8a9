//! The laboratory: network namespaces, cgroups, a DNS server, AI providers and load, all made here and cleaned up.
