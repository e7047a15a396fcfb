/* Decoders: from the pieces of tokens back to text, one token at a time.
 *
 * Each step takes a piece and hands on what is certain; what the next token may still change is
 * held until then or until the end. The text of all tokens at once is made the same way, so that
 * the parts of a stream always join to it. Before Fuse or ByteLevel a step is given whole tokens,
 * behind it parts of one long text.
 */
#ifndef POME_SRC_LLM_TEXT_DECODER_H
#define POME_SRC_LLM_TEXT_DECODER_H

#include <jansson.h>

#include "llm/text/buffer.h"
#include "llm/text/pattern.h"

typedef enum pome__decode_kind {
  POME__DECODE_SPACED, /* no decoder: a space between tokens */
  POME__DECODE_BYTES,
  POME__DECODE_BYTE_FALLBACK,
  POME__DECODE_FUSE,
  POME__DECODE_STRIP,
  POME__DECODE_LEADING, /* SentencePiece: the space that encoding put in front goes */
  POME__DECODE_REPLACE,
  POME__DECODE_METASPACE,
  POME__DECODE_WORDPIECE,
  POME__DECODE_BPE
} pome__decode_kind;

typedef struct pome__decode_step {
  pome__decode_kind kind;
  bool fused; /* given parts of one text, not tokens */
  bool each;  /* BYTE_FALLBACK: each wrong byte is replaced by itself, as SentencePiece does; else
                 all bytes of the run */
  bool clean; /* WORDPIECE */
  bool every; /* LEADING: one space of every token until there is text; else of the first only */
  bool keep_first;       /* METASPACE: also the spaces of the first token */
  pome__pattern pattern; /* REPLACE */
  pome_string text;   /* STRIP: the character; REPLACE: the content; METASPACE: what a space looks
                         like; WORDPIECE: prefix; BPE: suffix */
  size_t start, stop; /* STRIP */
} pome__decode_step;

#define POME__DECODE_STEPS 16

typedef struct pome__decoder {
  pome__decode_step steps[POME__DECODE_STEPS];
  size_t count;
  bool bytes; /* ByteLevel: pieces are plain bytes */
} pome__decoder;

/* `value` may be null. Free also on failure. */
pome_status pome__decoder_read(const json_t *value, pome__arena *arena, pome__decoder *decoder,
                               pome_error *error);
pome_status pome__decoder_add(pome__decoder *decoder, const pome__decode_step *step,
                              pome_error *error);
void pome__decoder_free(pome__decoder *decoder);

/* What a step remembers between tokens. */
typedef struct pome__decode_state {
  size_t tokens;
  size_t cut, trailing; /* STRIP */
  bool cut_done;
  pome__buffer held, work;
} pome__decode_state;

typedef struct pome__decoding {
  const pome__decoder *decoder;
  pome__matcher matcher;
  pome__decode_state states[POME__DECODE_STEPS];
  pome__buffer out; /* text that is certain; the caller takes and resets it */
} pome__decoding;

void pome__decoding_init(pome__decoding *decoding, const pome__decoder *decoder,
                         const pome_allocator *allocator);
pome_status pome__decoding_add(pome__decoding *decoding, pome_string piece, pome_error *error);
/* No more tokens: everything held comes out. The next token starts a new text. */
pome_status pome__decoding_end(pome__decoding *decoding, pome_error *error);
void pome__decoding_free(pome__decoding *decoding);

#endif
