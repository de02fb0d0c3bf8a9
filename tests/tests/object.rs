//! The BPF object asks for nothing that Linux 5.15 does not have, as far as that can be read from the object itself.
//! Needs the object, neither root nor a kernel. What the verifier of 5.15 makes of it cannot be told here, nor, but for the
//! program of interfaces, whether it offers each helper to each kind of program: the object has not run there.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use aya_obj::Object;
use aya_obj::generated::bpf_insn;
use interceptor::bpf;
use std::collections::BTreeSet;

/// The helpers of 5.15 have the numbers up to that of `bpf_task_pt_regs` (`enum bpf_func_id` of its `linux/bpf.h`).
const LAST_HELPER: i32 = 175;
/// The kinds of map of 5.15 have the numbers up to that of `BPF_MAP_TYPE_TASK_STORAGE` (`enum bpf_map_type`).
const LAST_MAP_KIND: u32 = 29;

/// Fields of `bpf_insn::code`, from `linux/bpf_common.h` and `linux/bpf.h`.
mod code {
    pub(super) const CLASS: u8 = 0x07;
    pub(super) const LDX: u8 = 0x01;
    pub(super) const STX: u8 = 0x03;
    pub(super) const ALU: u8 = 0x04;
    pub(super) const JMP: u8 = 0x05;
    pub(super) const JMP32: u8 = 0x06;
    pub(super) const ALU64: u8 = 0x07;
    pub(super) const OPERATION: u8 = 0xf0;
    pub(super) const DIV: u8 = 0x30;
    pub(super) const MOD: u8 = 0x90;
    pub(super) const MOV: u8 = 0xb0;
    pub(super) const END: u8 = 0xd0;
    pub(super) const JA: u8 = 0x00;
    pub(super) const CALL: u8 = 0x80;
    pub(super) const JCOND: u8 = 0xe0;
    pub(super) const MODE: u8 = 0xe0;
    pub(super) const MEM: u8 = 0x60;
    pub(super) const MEMSX: u8 = 0x80;
    pub(super) const ATOMIC: u8 = 0xc0;
}

/// What a later kernel has brought, if the instruction uses it.
fn newer(code: u8, source: u8, offset: i16, immediate: i32) -> Option<&'static str> {
    use code::*;
    let operation = code & OPERATION;
    match code & CLASS {
        LDX if code & MODE == MEMSX => Some("a load with sign extension (6.6)"),
        STX if code & MODE == ATOMIC && immediate >= 0x100 => Some("load-acquire or store-release (6.15)"),
        ALU64 if operation == END => Some("an unconditional byte swap (6.6)"),
        ALU | ALU64 if operation == MOV && offset != 0 => Some("a move with sign extension (6.6)"),
        ALU | ALU64 if matches!(operation, DIV | MOD) && offset != 0 => Some("a signed division (6.6)"),
        JMP32 if operation == JA => Some("a long jump (6.6)"),
        JMP if operation == JCOND => Some("may_goto (6.10)"),
        JMP if operation == CALL && source == 0 && immediate > LAST_HELPER => Some("a later helper"),
        JMP if operation == CALL && source > 1 => Some("a kernel function"),
        _ => None,
    }
}

fn of(instruction: &bpf_insn) -> Option<&'static str> {
    newer(instruction.code, instruction.src_reg(), instruction.off, instruction.imm)
}

fn object() -> Object {
    Object::parse(bpf::object().expect("`cargo xtask ebpf` builds the object")).unwrap()
}

#[test]
fn every_instruction_is_known_to_5_15() {
    let object = object();
    let mut seen = 0;
    let mut found = BTreeSet::new();
    for function in object.functions.values() {
        seen += function.instructions.len();
        found.extend(function.instructions.iter().filter_map(of).map(|what| (function.name.clone(), what)));
    }
    assert!(seen > 1000, "{seen} instructions cannot be all of them");
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_program_of_interfaces_calls_only_what_5_15_gives_to_classifiers() {
    // Of `tc_cls_act_func_proto` and `bpf_base_func_proto`: look-up and update of maps, the clock, loading bytes, the
    // packet's cgroup, reserving and submitting in a ring buffer.
    let given = BTreeSet::from([1, 2, 5, 26, 79, 131, 132]);
    let object = object();
    // The compiler's own functions (copying memory) belong to no program, and so to any.
    let is_its_own = |name: &str| name == "interceptor_veth" || !object.programs.contains_key(name);
    let functions = object.functions.values().filter(|function| is_its_own(&function.name));
    let is_helper = |one: &&bpf_insn| one.code == code::JMP | code::CALL && one.src_reg() == 0;
    let used: BTreeSet<i32> = functions
        .flat_map(|function| function.instructions.iter().filter(is_helper))
        .map(|instruction| instruction.imm)
        .collect();
    assert!(used.contains(&79) && used.is_subset(&given), "{used:?}");
}

#[test]
fn every_kind_of_map_is_known_to_5_15() {
    let object = object();
    assert!(object.maps.len() > 10, "{} maps cannot be all of them", object.maps.len());
    for (name, map) in &object.maps {
        assert!(map.map_type() <= LAST_MAP_KIND, "{name} is of kind {}", map.map_type());
    }
}

#[test]
fn what_came_later_is_recognised() {
    use code::*;
    let late = [
        (LDX | MEMSX, 1, 0, 0),
        (STX | ATOMIC | 0x18, 1, 0, 0x110),
        (ALU64 | END, 0, 0, 64),
        (ALU64 | MOV | 0x08, 1, 8, 0),
        (ALU | DIV, 0, 1, 3),
        (JMP32 | JA, 0, 0, 70_000),
        (JMP | JCOND, 0, 1, 0),
        (JMP | CALL, 0, 0, LAST_HELPER + 1),
        (JMP | CALL, 2, 0, 1),
    ];
    for (code, source, offset, immediate) in late {
        assert!(newer(code, source, offset, immediate).is_some(), "{code:#x}");
    }
    let old = [
        (LDX | MEM, 1, 8, 0),
        (STX | ATOMIC | 0x18, 1, 0, 0),
        (ALU | END, 0, 0, 16),
        (ALU64 | MOV | 0x08, 1, 0, 0),
        (ALU64 | DIV, 0, 0, 3),
        (JMP | JA, 0, 5, 0),
        (JMP | CALL, 0, 0, LAST_HELPER),
        // A function of the object itself.
        (JMP | CALL, 1, 0, -1),
    ];
    for (code, source, offset, immediate) in old {
        assert_eq!(newer(code, source, offset, immediate), None, "{code:#x}");
    }
}
