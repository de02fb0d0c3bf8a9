//! Links: what keeps a program attached to a cgroup or to an interface. By `bpf(2)` itself, because aya does not offer to
//! exchange the program of a cgroup's link, which is how a new daemon takes over without a moment in which nothing is
//! attached.
//! Knows descriptors and paths. Does not know which programs there are.

use aya_obj::generated::bpf_attach_type;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// `enum bpf_cmd` of `linux/bpf.h`.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Command {
    Pin = 6,
    Get = 7,
    Info = 15,
    OpenRawTracepoint = 17,
    CreateLink = 28,
    UpdateLink = 29,
}

/// The parts of `union bpf_attr` that these commands read.
#[repr(C)]
struct PinAttr {
    path: u64,
    fd: u32,
    flags: u32,
}

#[repr(C)]
struct InfoAttr {
    fd: u32,
    length: u32,
    info: u64,
}

#[repr(C)]
struct CreateAttr {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

#[repr(C)]
struct TracepointAttr {
    name: u64,
    program: u32,
    pad: u32,
}

#[repr(C)]
struct UpdateAttr {
    link: u32,
    new_program: u32,
    flags: u32,
    old_program: u32,
}

/// The part of `struct bpf_link_info` that tells of a cgroup's link.
#[repr(C)]
struct CgroupLinkInfo {
    kind: u32,
    id: u32,
    program: u32,
    pad: u32,
    cgroup: u64,
    attach_type: u32,
    pad_at_end: u32,
}

/// The part that tells of an interface's.
#[repr(C)]
struct InterfaceLinkInfo {
    kind: u32,
    id: u32,
    program: u32,
    pad: u32,
    index: u32,
    attach_type: u32,
}

/// An attachment. Dropped, it ends, unless it is pinned.
#[derive(Debug)]
pub(super) struct Link(OwnedFd);

impl Link {
    /// Attaches a program beside whatever is attached already.
    pub(super) fn attach(
        program: BorrowedFd<'_>,
        cgroup: BorrowedFd<'_>,
        attach_type: u32,
    ) -> io::Result<Self> {
        Self::create(&CreateAttr { program: raw(program), target: raw(cgroup), attach_type, flags: 0 })
    }

    /// Attaches a program to what comes in by an interface of the thread's network namespace, before whatever is
    /// attached already: others may end the look at a packet.
    pub(super) fn attach_to_interface(program: BorrowedFd<'_>, index: u32) -> io::Result<Self> {
        const BPF_F_BEFORE: u32 = 1 << 3;
        let attach_type = bpf_attach_type::BPF_TCX_INGRESS as u32;
        Self::create(&CreateAttr { program: raw(program), target: index, attach_type, flags: BPF_F_BEFORE })
    }

    /// Attaches a program to a tracepoint of the whole machine. Its program cannot be exchanged afterwards.
    pub(super) fn attach_to_tracepoint(program: BorrowedFd<'_>, name: &CStr) -> io::Result<Self> {
        let attr = TracepointAttr { name: name.as_ptr() as u64, program: raw(program), pad: 0 };
        let fd = call(Command::OpenRawTracepoint, &attr)?;
        #[expect(unsafe_code, reason = "a new descriptor has no owner yet")]
        // SAFETY: as below.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn create(attr: &CreateAttr) -> io::Result<Self> {
        let fd = call(Command::CreateLink, attr)?;
        #[expect(unsafe_code, reason = "a new descriptor has no owner yet")]
        // SAFETY: the kernel has just made this descriptor for us and nobody else knows its number.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The link that is pinned at `path`, if there is one.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let path = c_path(path)?;
        let attr = PinAttr { path: path.as_ptr() as u64, fd: 0, flags: 0 };
        match call(Command::Get, &attr) {
            #[expect(unsafe_code, reason = "a new descriptor has no owner yet")]
            // SAFETY: as above.
            Ok(fd) => Ok(Some(Self(unsafe { OwnedFd::from_raw_fd(fd) }))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes it outlive us.
    pub(super) fn pin(&self, path: &Path) -> io::Result<()> {
        let path = c_path(path)?;
        let attr = PinAttr { path: path.as_ptr() as u64, fd: raw(self.0.as_fd()), flags: 0 };
        call(Command::Pin, &attr).map(drop)
    }

    /// Puts another program in place of the one it has: each connection meets the one or the other.
    pub(super) fn replace(&self, program: BorrowedFd<'_>) -> io::Result<()> {
        let attr =
            UpdateAttr { link: raw(self.0.as_fd()), new_program: raw(program), flags: 0, old_program: 0 };
        call(Command::UpdateLink, &attr).map(drop)
    }

    /// Id of the cgroup that it is attached to; zero once that is gone.
    pub(super) fn cgroup(&self) -> io::Result<u64> {
        #[expect(unsafe_code, reason = "the kernel fills plain numbers")]
        // SAFETY: all zero is valid for numbers.
        let mut info: CgroupLinkInfo = unsafe { zeroed() };
        self.info(&mut info)?;
        Ok(info.cgroup)
    }

    /// Index of the interface that it is attached to; zero once that is gone.
    pub(super) fn interface(&self) -> io::Result<u32> {
        #[expect(unsafe_code, reason = "the kernel fills plain numbers")]
        // SAFETY: all zero is valid for numbers.
        let mut info: InterfaceLinkInfo = unsafe { zeroed() };
        self.info(&mut info)?;
        Ok(info.index)
    }

    /// `T` is made of plain numbers.
    fn info<T>(&self, info: &mut T) -> io::Result<()> {
        let length = u32::try_from(size_of::<T>()).expect("a small struct");
        let attr = InfoAttr { fd: raw(self.0.as_fd()), length, info: std::ptr::from_mut(info) as u64 };
        call(Command::Info, &attr).map(drop)
    }
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}

fn call<T>(command: Command, attr: &T) -> io::Result<i32> {
    #[expect(unsafe_code, reason = "bpf(2) has no safe wrapper")]
    // SAFETY: each command above is called with its own struct, whose size is told, and whose pointers lead to live
    // memory of the length that the struct or a final zero says. The kernel takes what is missing for zero.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command as u32, std::ptr::from_ref(attr), size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(i32::try_from(result).unwrap_or(0)) }
}
