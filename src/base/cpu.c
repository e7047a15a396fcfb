/* Processor features and the number of cores.
 *
 * A vector register may be used only when the processor has it and the operating system saves it on
 * a context switch, which XCR0 tells. CPUID is slow inside a virtual machine, so that the answer is
 * kept. The number of cores honours the affinity mask and, on Linux, the quota of the control
 * group: a container of two cores on a large machine must not get a thread for each of the
 * machine's.
 */
#include "base/cpu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

static const char *const names[POME__ISA_COUNT] = {
    [POME__ISA_SCALAR] = "scalar", [POME__ISA_AVX2] = "avx2", [POME__ISA_AVX512] = "avx512"};

#if defined(__x86_64__) || defined(__i386__)

/* Registers the operating system saves: bits 1 and 2 SSE and AVX, 5 to 7 the three parts of
 * AVX-512. */
#define XCR0_AVX     0x06u
#define XCR0_AVX512  0xe6u
#define LEAF7_AVX2   bit_AVX2
#define LEAF7_AVX512 (bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL)
#define LEAF1_AVX2   (bit_FMA | bit_OSXSAVE | bit_AVX | bit_F16C)

static unsigned saved_registers(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static pome__isa detect(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & LEAF1_AVX2) != LEAF1_AVX2) return POME__ISA_SCALAR;
  unsigned saved = saved_registers();
  if ((saved & XCR0_AVX) != XCR0_AVX) return POME__ISA_SCALAR;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & LEAF7_AVX2)) return POME__ISA_SCALAR;
  bool wide = (b & LEAF7_AVX512) == LEAF7_AVX512 && (saved & XCR0_AVX512) == XCR0_AVX512;
  return wide ? POME__ISA_AVX512 : POME__ISA_AVX2;
}

#else

static pome__isa detect(void) {
  return POME__ISA_SCALAR;
}

#endif

pome__isa pome__cpu_isa(void) {
  static atomic_int known = -1;
  int isa = atomic_load_explicit(&known, memory_order_relaxed);
  if (isa < 0) {
    isa = (int)detect();
    atomic_store_explicit(&known, isa, memory_order_relaxed);
  }
  return (pome__isa)isa;
}

const char *pome__isa_name(pome__isa isa) {
  return (unsigned)isa < POME__ISA_COUNT ? names[isa] : "unknown";
}

pome__isa pome__isa_from_name(const char *name) {
  int isa = 0;
  while (isa < POME__ISA_COUNT && !(name && strcmp(name, names[isa]) == 0)) isa++;
  return (pome__isa)isa;
}

#ifdef __linux__

/* Cores' worth of time that the control group grants, rounded up, or `otherwise`. */
static int group_quota(int otherwise) {
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
  if (!file) return otherwise;
  long long quota, period; /* "max 100000" when there is no quota */
  bool limited = fscanf(file, "%lld %lld", &quota, &period) == 2;
  (void)fclose(file);
  if (!limited || quota <= 0 || period <= 0) return otherwise;
  long long cores = (quota - 1) / period + 1;
  return cores < otherwise ? (int)cores : otherwise;
}

#endif

int pome__cpu_count(void) {
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  int count = online > 0 && online < INT32_MAX ? (int)online : 1;
#ifdef __linux__
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) count = CPU_COUNT(&allowed);
  count = group_quota(count);
#endif
  return count > 0 ? count : 1;
}
