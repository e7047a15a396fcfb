/* Tiles are written as loops over constants, which must disappear. */
#ifndef POME_SRC_KERNELS_X86_UNROLL_H
#define POME_SRC_KERNELS_X86_UNROLL_H

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
