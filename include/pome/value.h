/* pome/value.h: what a port carries: tensor, image, string, number, dictionary or sequence.
 *
 * Values belong to the caller. A value either borrows memory (made from a tensor view) or owns it.
 */
#ifndef POME_VALUE_H
#define POME_VALUE_H

#include <pome/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pome_value pome_value;

/* Borrows the tensor's memory, which must outlive the value. */
POME_API pome_status pome_value_from_tensor(const pome_tensor *tensor,
                                            const pome_allocator *allocator, pome_value **value,
                                            pome_error *error);
/* Copies. */
POME_API pome_status pome_value_from_string(const char *text, size_t size,
                                            const pome_allocator *allocator, pome_value **value,
                                            pome_error *error);
POME_API pome_status pome_value_from_int64(int64_t number, const pome_allocator *allocator,
                                           pome_value **value, pome_error *error);
POME_API pome_status pome_value_from_double(double number, const pome_allocator *allocator,
                                            pome_value **value, pome_error *error);
/* Pixels, borrowed: uint8 [height, width, 3] in the order that `color` names (a fourth channel,
 * alpha, is left out), uint8 [height, width] for gray, fp16 or fp32 [height, width] for half-gray.
 */
POME_API pome_status pome_value_from_image(const pome_tensor *pixels, pome_color color,
                                           const pome_allocator *allocator, pome_value **value,
                                           pome_error *error);
/* Keys and values are tensors of one dimension and equal length (keys: string or int64); copied. */
POME_API pome_status pome_value_from_dictionary(const pome_tensor *keys, const pome_tensor *values,
                                                const pome_allocator *allocator, pome_value **value,
                                                pome_error *error);
/* A sequence of strings or int64s: a tensor of one dimension; copied. */
POME_API pome_status pome_value_from_sequence(const pome_tensor *items,
                                              const pome_allocator *allocator, pome_value **value,
                                              pome_error *error);
POME_API void pome_value_free(pome_value *value);

POME_API pome_feature pome_value_feature(const pome_value *value);
/* The tensor of a tensor or image, a one-element tensor of a number or string, the items of a
 * sequence, the values of a dictionary. */
POME_API const pome_tensor *pome_value_tensor(const pome_value *value);
/* The keys of a dictionary, or NULL. */
POME_API const pome_tensor *pome_value_keys(const pome_value *value);

#ifdef __cplusplus
}
#endif
#endif
