/* What each decoder does with a token or a part of the text. */
#ifndef POME_SRC_LLM_TEXT_DECODER_STEPS_H
#define POME_SRC_LLM_TEXT_DECODER_STEPS_H

#include "llm/text/decoder.h"

/* Gives a token, or a part of the fused text, to a step; behind the last one it is text that is
 * certain. */
pome_status pome__decode_feed(pome__decoding *decoding, size_t step, const char *data, size_t size,
                              pome_error *error);
/* Hands on what the step holds. */
pome_status pome__decode_finish(pome__decoding *decoding, size_t step, pome_error *error);

#endif
