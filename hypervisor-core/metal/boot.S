// From the boot loader to C++: the multiboot header, the first page tables, and paging on.
//
// Entered at machine addresses with paging off, flat segments, EAX and EBX as multiboot has them (the boot sector does
// the same). The image is one flat file, so the header gives the addresses itself.
#include "layout.h"

#define MACHINE(symbol) (symbol - METAL_PRIVATE)
#define STACK_ADDRESS (METAL_MACHINE_SLOT << 22) + (METAL_STACK_PAGE << 12)
#define HEADER_MAGIC 0x1badb002
#define HEADER_FLAGS 0x00010003  // addresses are given; pages aligned; memory size wanted

  .section .boot, "ax"
  .code32

  // hw::kIdleLoop: here a CPU waits that has nothing to run.
  .globl idle_loop
idle_loop:
  sti
  hlt
  jmp idle_loop

  .balign 16  // where boot_sector.S looks for it, whatever the assembler makes of the jump
multiboot_header:
  .long HEADER_MAGIC, HEADER_FLAGS, -(HEADER_MAGIC + HEADER_FLAGS)
  .long MACHINE(multiboot_header)
  .long MACHINE(image_start)
  .long MACHINE(image_data_end)
  .long MACHINE(image_end)
  .long MACHINE(start)

  .globl start
start:
  cli
  cld
  movl $MACHINE(stack_memory) + METAL_STACK_BYTES, %esp
  movl %eax, %ebp  // the loader's magic
  // The first directory: machine memory 0..4 MB where it is, and all that the direct map will show, in 4 MB pages.
  movl $MACHINE(first_directory), %edi
  xorl %eax, %eax
  movl $1024, %ecx
  rep stosl
  movl $MACHINE(first_directory), %edi
  movl $0x83, (%edi)  // present, writable, large
  movl $0x183, %eax   // and global
  movl $(METAL_PRIVATE >> 22), %ecx
1:
  movl %eax, (%edi, %ecx, 4)
  addl $0x400000, %eax
  incl %ecx
  cmpl $1020, %ecx
  jb 1b
  movl $MACHINE(machine_table), %eax
  orl $0x63, %eax
  movl %eax, METAL_MACHINE_SLOT * 4(%edi)
  movl $MACHINE(machine_table) + METAL_STACK_PAGE * 4, %esi
  movl $MACHINE(stack_memory) + 0x63, %eax
2:
  movl %eax, (%esi)
  addl $4, %esi
  addl $0x1000, %eax
  cmpl $MACHINE(stack_memory) + 0x63 + METAL_STACK_BYTES, %eax
  jb 2b

  movl %cr4, %eax
  orl $0x290, %eax  // PSE, PGE, OSFXSR
  movl %eax, %cr4
  movl %edi, %cr3
  movl %cr0, %eax
  andl $0x9ffffff3, %eax  // caches on, no FPU emulation
  orl $0x80010022, %eax   // PG, WP, NE, MP
  movl %eax, %cr0
  movl $above, %eax
  jmp *%eax
above:
  movl $(entry_frame - 12), %esp  // below the frame that is filled, and aligned at the call
  addl $METAL_PRIVATE, %ebx  // the loader's information, as mapped
  pushl %ebx
  pushl %ebp
  call metal_start  // fills the frame at the top of the stack
  movl $entry_frame, %esp
  jmp return_to_frame

  .section .bss
  .balign 4096
first_directory:
  .skip 4096
  .globl machine_table
machine_table:  // of METAL_MACHINE_SLOT
  .skip 4096
stack_memory:
  .skip METAL_STACK_BYTES

  // Where the stack is mapped. A word is left, so that calls from the entry path find it aligned.
  .globl entry_frame, stack_top
  .set stack_top, STACK_ADDRESS + METAL_STACK_BYTES - 4
  .set entry_frame, stack_top - METAL_FRAME_BYTES
