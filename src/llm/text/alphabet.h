/* GPT-2's alphabet: vocabularies of byte-level models spell every byte as a printable character. */
#ifndef POME_SRC_LLM_TEXT_ALPHABET_H
#define POME_SRC_LLM_TEXT_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character that stands for a byte. */
uint32_t pome__alphabet_character(unsigned char byte);
/* Undoes the spelling; `out` has room for `size` bytes and may be `text`. False, and `size` bytes
 * copied, when other characters occur. */
bool pome__alphabet_bytes(const char *text, size_t size, char *out, size_t *count);

#endif
