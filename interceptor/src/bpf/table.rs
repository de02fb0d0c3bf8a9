//! One BPF map as a table of flat keys and values, by `bpf(2)` itself: every operation takes `&self`, and the
//! atomic look-up-and-delete on hash maps is there, which aya does not offer.

use super::CaptureError;
use aya::Ebpf;
use aya::maps::{Map, MapData};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// `enum bpf_cmd` of `linux/bpf.h`.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Command {
    LookUp = 1,
    Update = 2,
    Delete = 3,
    NextKey = 4,
    LookUpAndDelete = 21,
}

/// The part of `union bpf_attr` that element commands read.
#[repr(C)]
#[derive(Default)]
struct ElementAttr {
    map_fd: u32,
    pad: u32,
    key: u64,
    value_or_next_key: u64,
    flags: u64,
}

/// A map, shared: clones speak of the same one.
pub(super) struct Table<K, V> {
    fd: Arc<OwnedFd>,
    name: &'static str,
    types: PhantomData<fn(K) -> V>,
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        Self { fd: Arc::clone(&self.fd), name: self.name, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.name)
    }
}

impl<K, V> Table<K, V>
where
    K: FromBytes + IntoBytes + Immutable,
    V: FromBytes + IntoBytes + Immutable,
{
    /// Finds the map and compares its sizes with the types.
    pub(super) fn open(programs: &Ebpf, name: &'static str) -> Result<Self, CaptureError> {
        let data = programs.map(name).and_then(data).ok_or(CaptureError::MissingMap { name })?;
        let info = data.info().map_err(|error| CaptureError::of_map(name, error))?;
        let found = (info.key_size() as usize, info.value_size() as usize);
        let expected = (size_of::<K>(), size_of::<V>());
        if found != expected {
            return Err(CaptureError::MapSize { name, found, expected });
        }
        let fd = data.fd().as_fd().try_clone_to_owned().map_err(|error| CaptureError::Map { name, error })?;
        Ok(Self { fd: Arc::new(fd), name, types: PhantomData })
    }

    /// Adds or replaces.
    pub(super) fn insert(&self, key: &K, value: &V) -> Result<(), CaptureError> {
        let value = value.as_bytes().as_ptr() as u64;
        self.call(Command::Update, Some(key), value).map_err(|error| self.failed(error))
    }

    /// Adds, unless there is one. Returns whether it was added.
    pub(super) fn insert_new(&self, key: &K, value: &V) -> Result<bool, CaptureError> {
        const BPF_NOEXIST: u64 = 1;
        let value = value.as_bytes().as_ptr() as u64;
        match self.call_with(Command::Update, Some(key), value, BPF_NOEXIST) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Removes. Returns whether it was there.
    pub(super) fn remove(&self, key: &K) -> Result<bool, CaptureError> {
        Ok(self.absent_is_none(self.call(Command::Delete, Some(key), 0))?.is_some())
    }

    /// Reads.
    pub(super) fn look_up(&self, key: &K) -> Result<Option<V>, CaptureError> {
        self.read(Command::LookUp, key)
    }

    /// Reads and removes in one step: of two callers with the same key, one finds it.
    pub(super) fn take(&self, key: &K) -> Result<Option<V>, CaptureError> {
        self.read(Command::LookUpAndDelete, key)
    }

    /// The key after `key` in the map's own order, or the first one.
    fn next_key(&self, key: Option<&K>) -> Result<Option<K>, CaptureError> {
        self.fetch(Command::NextKey, key)
    }

    /// All keys of a map that holds at most `most`. The map changes meanwhile, and restarts its order when the key
    /// last seen goes: hence the bound.
    pub(super) fn keys(&self, most: usize) -> Result<Vec<K>, CaptureError> {
        let mut keys: Vec<K> = Vec::new();
        while keys.len() < most {
            match self.next_key(keys.last())? {
                Some(key) => keys.push(key),
                None => break,
            }
        }
        Ok(keys)
    }

    fn read(&self, command: Command, key: &K) -> Result<Option<V>, CaptureError> {
        self.fetch(command, Some(key))
    }

    fn fetch<T: FromBytes>(&self, command: Command, key: Option<&K>) -> Result<Option<T>, CaptureError> {
        let mut out = MaybeUninit::<T>::zeroed();
        let found = self.absent_is_none(self.call(command, key, out.as_mut_ptr() as u64))?;
        #[expect(unsafe_code, reason = "the kernel fills memory that the compiler takes for uninitialised")]
        // SAFETY: all zero is a valid `FromBytes` type, and so is whatever the kernel wrote over it.
        Ok(found.map(|()| unsafe { out.assume_init() }))
    }

    fn call(&self, command: Command, key: Option<&K>, value_or_next_key: u64) -> io::Result<()> {
        self.call_with(command, key, value_or_next_key, 0)
    }

    fn call_with(
        &self,
        command: Command,
        key: Option<&K>,
        value_or_next_key: u64,
        flags: u64,
    ) -> io::Result<()> {
        let map_fd = self.fd.as_raw_fd().cast_unsigned();
        let key = key.map_or(0, |key| key.as_bytes().as_ptr() as u64);
        let attr = ElementAttr { map_fd, key, value_or_next_key, flags, ..ElementAttr::default() };
        #[expect(unsafe_code, reason = "bpf(2) has no safe wrapper")]
        // SAFETY: `open` compared the kernel's key and value sizes with the types that the two pointers point to,
        // both outlive the call, and the kernel writes to the second one only for commands given a buffer.
        let result =
            unsafe { libc::syscall(libc::SYS_bpf, command as u32, &raw const attr, size_of_val(&attr)) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn absent_is_none(&self, result: io::Result<()>) -> Result<Option<()>, CaptureError> {
        match result {
            Ok(()) => Ok(Some(())),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, error: io::Error) -> CaptureError {
        let name = self.name;
        // What the kernel says of a hash map, a trie and an array without room.
        match error.raw_os_error() {
            Some(libc::E2BIG | libc::ENOSPC) => CaptureError::MapFull { name },
            _ => CaptureError::Map { name, error },
        }
    }
}

/// The map behind aya's enum of types, for the types that are tables.
fn data(map: &Map) -> Option<&MapData> {
    match map {
        Map::Array(data) | Map::HashMap(data) | Map::LruHashMap(data) | Map::LpmTrie(data) => Some(data),
        _ => None,
    }
}
