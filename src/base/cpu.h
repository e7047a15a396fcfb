/* What the processor can do, as far as the operating system lets us use it (CPUID and XGETBV on
 * x86). Levels are ordered: each includes the ones before it. */
#ifndef POME_SRC_BASE_CPU_H
#define POME_SRC_BASE_CPU_H

typedef enum pome__isa {
  POME__ISA_SCALAR,
  POME__ISA_AVX2,   /* AVX2, FMA, F16C */
  POME__ISA_AVX512, /* AVX-512 F, BW, DQ, VL */
  POME__ISA_COUNT
} pome__isa;

/* The highest level of this machine. */
pome__isa pome__cpu_isa(void);
const char *pome__isa_name(pome__isa isa);
/* POME__ISA_COUNT when there is no level of that name. */
pome__isa pome__isa_from_name(const char *name);
/* Cores this process may use, at least 1. */
int pome__cpu_count(void);

#endif
