//! Where a function's arguments and result are in the registers that kprobes see (struct pt_regs), by
//! architecture.

/// A machine architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arch {
    /// x86-64
    X86_64,
    /// 64-bit ARM
    Aarch64,
}

/// Where an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// In the register at this offset of pt_regs.
    Register(i32),
    /// In memory, so many bytes above the stack pointer, 8 bytes.
    Stack(i64),
}

const X86_ARGUMENTS: [i32; 6] = [112, 104, 96, 88, 72, 64];

impl Arch {
    /// The architecture this binary was built for.
    pub const fn native() -> Arch {
        if cfg!(target_arch = "aarch64") { Arch::Aarch64 } else { Arch::X86_64 }
    }

    /// One CPU's writes are seen by the others in their order, and so are its reads.
    pub fn keeps_order(self) -> bool {
        self == Arch::X86_64
    }

    /// Argument `n`, from 0, when the function has just been entered.
    pub fn argument(self, n: u8) -> Argument {
        match self {
            Arch::X86_64 => match X86_ARGUMENTS.get(usize::from(n)) {
                Some(offset) => Argument::Register(*offset),
                // The return address lies on top of the stack.
                None => Argument::Stack(8 + 8 * i64::from(n - 6)),
            },
            Arch::Aarch64 if n < 8 => Argument::Register(8 * i32::from(n)),
            Arch::Aarch64 => Argument::Stack(8 * i64::from(n - 8)),
        }
    }

    /// Offset of the register that holds a function's result.
    pub fn result(self) -> i32 {
        match self {
            Arch::X86_64 => 80,
            Arch::Aarch64 => 0,
        }
    }

    /// Offset of the instruction pointer.
    pub fn instruction_pointer(self) -> i32 {
        match self {
            Arch::X86_64 => 128,
            Arch::Aarch64 => 256,
        }
    }

    /// How far the instruction pointer is past the probed instruction in a kprobe: x86 has executed the one byte
    /// of the breakpoint, and the kernel shows the same where it uses a jump or ftrace instead.
    pub fn breakpoint_length(self) -> i64 {
        match self {
            Arch::X86_64 => 1,
            Arch::Aarch64 => 0,
        }
    }

    /// Offset of the stack pointer.
    pub fn stack_pointer(self) -> i32 {
        match self {
            Arch::X86_64 => 152,
            Arch::Aarch64 => 248,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_continue_on_the_stack() {
        assert_eq!(Arch::X86_64.argument(0), Argument::Register(112));
        assert_eq!(Arch::X86_64.argument(5), Argument::Register(64));
        assert_eq!(Arch::X86_64.argument(6), Argument::Stack(8));
        assert_eq!(Arch::Aarch64.argument(7), Argument::Register(56));
        assert_eq!(Arch::Aarch64.argument(9), Argument::Stack(8));
    }
}
