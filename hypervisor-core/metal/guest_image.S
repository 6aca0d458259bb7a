// Domain 0's kernel, as a flat binary (see guest_image.h).
  .section .rodata
  .globl guest_image, guest_image_end
guest_image:
  .incbin METAL_GUEST_BINARY
guest_image_end:
