/* Matrix products for AVX-512. */
#include "kernels/x86/vector_avx512.h"

#include "kernels/x86/matmul_body.h"

void pome__matmul_avx512(pome__kernels *table) {
  matmul_fill(table);
}
