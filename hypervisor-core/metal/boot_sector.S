// The first sector of a disk that any PC's firmware starts. Behind it: one sector with the command line, then the image.
//
// Loads the image to 1 MB and enters it as a multiboot loader would, so the image knows one way to be started.
#define COMMAND_LINE 0x7e00
#define INFORMATION 0x7000
#define BOUNCE_SEGMENT 0x1000
#define CHUNK_SECTORS 64
#define HEADER 0x100010  // where boot.S has the multiboot header: behind the idle loop

  .section .text
  .code16
  .globl start
start:
  cli
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movw $0x7c00, %sp
  ljmp $0, $1f
1:
  sti
  movb %dl, drive
  movb $2, %al
  outb %al, $0x92  // address line 20

  movw $1, packet_count
  movw $COMMAND_LINE, packet_offset
  call read
  movw $0, packet_offset
  movw $BOUNCE_SEGMENT, packet_segment
  incl packet_sector

next:
  movl image_sectors, %eax
  testl %eax, %eax
  jz loaded
  cmpl $CHUNK_SECTORS, %eax
  jbe 2f
  movl $CHUNK_SECTORS, %eax
2:
  movw %ax, packet_count
  call read
  // One look into protected mode leaves ES with a limit of 4 GB.
  cli
  lgdt table
  movl %cr0, %eax
  orb $1, %al
  movl %eax, %cr0
  movw $16, %bx
  movw %bx, %es
  andb $0xfe, %al
  movl %eax, %cr0
  xorw %bx, %bx
  movw %bx, %es
  sti
  movzwl packet_count, %ecx
  subl %ecx, image_sectors
  addl %ecx, packet_sector
  shll $7, %ecx
  movl destination, %edi
  movw $BOUNCE_SEGMENT, %ax
  movw %ax, %fs
  xorl %esi, %esi
3:
  movl %fs:(%si), %eax
  movl %eax, %es:(%edi)
  addw $4, %si
  addl $4, %edi
  decl %ecx
  jnz 3b
  movl %edi, destination
  jmp next

loaded:
  movw $0xe801, %ax
  int $0x15
  movzwl %ax, %eax
  movzwl %bx, %ebx
  shll $6, %ebx
  addl %ebx, %eax
  movl $5, INFORMATION  // memory sizes and a command line
  movl $640, INFORMATION + 4
  movl %eax, INFORMATION + 8
  movl $COMMAND_LINE, INFORMATION + 16
  cli
  lgdt table
  movl %cr0, %eax
  orb $1, %al
  movl %eax, %cr0
  ljmpl $8, $protected

read:
  movb drive, %dl
  movw $packet, %si
  movb $0x42, %ah
  int $0x13
  jc failed
  ret
failed:
  hlt
  jmp failed

  .code32
protected:
  movw $16, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movl HEADER + 20, %edi
  movl HEADER + 24, %ecx
  subl %edi, %ecx
  xorl %eax, %eax
  rep stosb
  movl $0x2badb002, %eax
  movl $INFORMATION, %ebx
  jmp *HEADER + 28

  .balign 8
descriptors:
  .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
table:
  .word 23
  .long descriptors
packet:
  .byte 16, 0
packet_count:
  .word 0
packet_offset:
  .word 0
packet_segment:
  .word 0
packet_sector:
  .long 1, 0
destination:
  .long 0x100000
drive:
  .byte 0

  .org 504
image_sectors:  // filled in by whoever makes the disk
  .long 0
  .org 510
  .word 0xaa55
