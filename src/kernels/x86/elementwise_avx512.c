/* Elementwise kernels for AVX-512. */
#include "kernels/x86/vector_avx512.h"

#include "kernels/x86/elementwise_body.h"

void pome__elementwise_avx512(pome__kernels *table) {
  elementwise_fill(table);
}
