// Every way into the hypervisor and out of it.
//
// An entry pushes what hw::Registers has, so that the frame always lies at the top of the one stack: from an outer ring
// the CPU starts there (TSS.esp0), and the idle loop runs with ESP just below the two words that an interrupt within
// ring 0 does not push. C++ edits the frame; the way out loads whatever it then says.
//
// Only here and in the copies to and from guests may ring 0 fault: fault_fixups says where it goes on.
#include "layout.h"

  .section .text
  .code32

  // A stub per vector: its number, and 0 where the CPU pushes no error code.
  .altmacro
  .macro stub vector
stub_\vector:
  .if (\vector < 8) || (\vector == 9) || (\vector == 15) || (\vector == 16) || (\vector > 17)
  pushl $0
  .endif
  pushl $\vector
  jmp enter
  .pushsection .rodata
  .long stub_\vector
  .popsection
  .endm

  .section .rodata
  .balign 4
  .globl entry_stubs
entry_stubs:
  .section .text
  .set number, 0
  .rept 256
  stub %number
  .set number, number + 1
  .endr
  .noaltmacro

enter:
  pushl %gs
  pushl %fs
  pushl %es
  pushl %ds
  pushl %eax
  pushl %ebp
  pushl %edi
  pushl %esi
  pushl %edx
  pushl %ecx
  pushl %ebx
  cld
  movl $METAL_HYPERVISOR_DS, %eax
  movl %eax, %ds
  movl %eax, %es
  // A fault of ring 0 itself; interrupts are taken in ring 0 by the idle loop alone.
  testl $3, 56(%esp)
  jnz 1f
  cmpl $32, 44(%esp)
  jae 1f
  pushl %esp
  call metal_own_fault  // the frame to leave with: the one pushed here, or the guest's
  movl %eax, %esp
  jmp return_to_frame
1:
  pushl %esp
  call metal_enter
  addl $4, %esp

  .globl return_to_frame
return_to_frame:
  // Segments first, while nothing of the frame has been given up: each may fault.
return_ds:
  movw 28(%esp), %ds
return_es:
  movw 32(%esp), %es
return_fs:
  movw 36(%esp), %fs
return_gs:
  movw 40(%esp), %gs
  popl %ebx
  popl %ecx
  popl %edx
  popl %esi
  popl %edi
  popl %ebp
  popl %eax
  addl $24, %esp  // segments, vector, error code
return_iret:
  iret

  // Both: (to, from, bytes), 0 or the bytes left at a fault. Words where the guest's address is a multiple of 4: such
  // an access never crosses a page, so what is written before a fault is whole up to the page.
  .macro guest_copy name, guest_register
  .globl \name
\name:
  pushl %esi
  pushl %edi
  movl 12(%esp), %edi
  movl 16(%esp), %esi
  movl 20(%esp), %edx
  movl %\guest_register, %ecx
  negl %ecx
  andl $3, %ecx
  cmpl %edx, %ecx
  jbe 1f
  movl %edx, %ecx
1:
  subl %ecx, %edx
\name\()_head:
  rep movsb
  movl %edx, %ecx
  shrl $2, %ecx
\name\()_words:
  rep movsl
  movl %edx, %ecx
  andl $3, %ecx
\name\()_tail:
  rep movsb
  xorl %eax, %eax
\name\()_end:
  popl %edi
  popl %esi
  ret
\name\()_fault:
  movl $1, %eax
  jmp \name\()_end
  .pushsection .rodata
  .long \name\()_head, \name\()_fault
  .long \name\()_words, \name\()_fault
  .long \name\()_tail, \name\()_fault
  .popsection
  .endm

  .section .rodata
  .balign 4
  .globl fault_fixups, fault_fixups_end, return_fault_places, return_fault_places_end
return_fault_places:
  .long return_ds, return_es, return_fs, return_gs, return_iret
return_fault_places_end:
fault_fixups:
  .section .text
  guest_copy copy_from_guest, esi
  guest_copy copy_to_guest, edi
  .section .rodata
fault_fixups_end:

  .section .text
  // The task that takes a double fault: whatever the stack was, this one has its own.
  .globl double_fault_entry
double_fault_entry:
  call metal_double_fault
  hlt

  .section .bss
  .balign 16
  .skip 4096
  .globl double_fault_stack_top
double_fault_stack_top:
