// The test kernel's assembly: its start, traps as the hypervisor delivers them, the way to ring 3 and back, and the
// instructions whose faults are results.
  .code32
  .section .start, "ax"
  .globl start
start:  // ESI: start info; ESP: the boot stack
  movl $0x833, %eax  // flat data of ring 3: usable in both rings
  movl %eax, %ds
  movl %eax, %es
  pushl %esi
  call guest_main
1:
  jmp 1b

  .text
  .altmacro
  .macro stub vector
stub_\vector:
  .if (\vector < 8) || (\vector == 9) || (\vector == 15) || (\vector == 16) || (\vector > 17)
  pushl $0
  .endif
  .if (\vector != 14)
  pushl $0
  .endif
  pushl $\vector
  jmp trap
  .pushsection .rodata
  .long stub_\vector
  .popsection
  .endm

  .section .rodata
  .balign 4
  .globl trap_stubs
trap_stubs:
  .text
  .set number, 0
  .rept 32
  stub %number
  .set number, number + 1
  .endr
  .noaltmacro

  .globl event_callback, failsafe_callback, system_call_entry, breakpoint_entry
event_callback:
  pushl $0
  pushl $0
  pushl $0x100
  jmp trap
failsafe_callback:  // DS, ES, FS, GS as they could not be loaded lie above
  addl $16, %esp
  pushl $0
  pushl $0
  pushl $0x101
trap:
  pushal
  movl $0x833, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %esp, %eax
  pushl %eax
  call guest_trap
  addl $4, %esp
  popal
  addl $12, %esp
  iret
system_call_entry:  // through the direct gate: the hypervisor has not seen it
  pushl $0
  pushl $0
  pushl $0x80
  jmp trap

  // u32 hypercall5(number, a, b, c, d, e)
  .globl hypercall5
hypercall5:
  pushl %ebx
  pushl %esi
  pushl %edi
  movl 16(%esp), %eax
  movl 20(%esp), %ebx
  movl 24(%esp), %ecx
  movl 28(%esp), %edx
  movl 32(%esp), %esi
  movl 36(%esp), %edi
  int $0x82
  popl %edi
  popl %esi
  popl %ebx
  ret

  // bool try_load(address, value*), try_store(address, value), try_call(address): false, with the fault recorded
  .globl try_load, try_store, try_call, load_place, store_place, call_place, try_failed
try_load:
  movl 4(%esp), %ecx
  movl 8(%esp), %edx
load_place:
  movl (%ecx), %eax
  movl %eax, (%edx)
  movl $1, %eax
  ret
try_store:
  movl 4(%esp), %ecx
  movl 8(%esp), %eax
store_place:
  movl %eax, (%ecx)
  movl $1, %eax
  ret
try_failed:
  xorl %eax, %eax
  ret
// bool try_code(void (*code)()): runs code that may fault anywhere; a fault comes back here.
  .globl try_code, leave_to_kernel
try_code:
  pushl %ebx
  pushl %esi
  pushl %edi
  pushl %ebp
  movl %esp, kernel_stack
  call *20(%esp)
  movl $1, %eax
  jmp 1f
leave_to_kernel:  // back from wherever, EAX as it is
  movl kernel_stack, %esp
  movl $0x833, %ecx
  movl %ecx, %ds
  movl %ecx, %es
1:
  movl $0, kernel_stack
  popl %ebp
  popl %edi
  popl %esi
  popl %ebx
  ret

  // u32 run_in_ring3(eip, esp, eax, ecx): until leave_to_kernel
  .globl run_in_ring3
run_in_ring3:
  pushl %ebx
  pushl %esi
  pushl %edi
  pushl %ebp
  movl %esp, kernel_stack
  movl 20(%esp), %edx
  movl 24(%esp), %ebx
  movl 28(%esp), %eax
  movl 32(%esp), %ecx
  pushl $0x833
  pushl %ebx
  pushfl
  pushl $0x82b
  pushl %edx
  iret

  // What runs in ring 3, copied to a page of its own: loads or stores ECX, then calls the kernel.
  .section .rodata
  .globl user_code, user_load, user_store, user_call, user_code_end
user_code:
user_load:
  movl (%ecx), %eax
  int $0x80
user_store:
  movl %eax, (%ecx)
  int $0x80
user_call:
  int $0x80
  .globl user_interrupts
user_interrupts:  // the vectors of sequence_program.cpp, 4 bytes each
  .irp vector, 0x20, 0x21, 0x30, 0x50, 0x81, 0x82, 0xfe, 0x0e
  int $\vector
  int $0x80
  .endr
user_code_end:

  .bss
  .globl kernel_stack
  .balign 16
kernel_stack:
  .skip 16
  .globl trap_stack_top
  .skip 8192
trap_stack_top:
