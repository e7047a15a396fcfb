/* See bpe.h. */
#include "llm/bpe.h"

#include <string.h>

struct pome__merge {
  int32_t left, right; /* left -1: empty slot */
  int32_t merged, rank;
};

struct pome__symbol {
  int32_t id; /* -1: merged away */
  int32_t previous, next;
};

struct pome__candidate {
  int32_t rank;
  int32_t left; /* symbol index: equal ranks go left to right */
  int32_t left_id, right_id, merged;
};

/* ---- tables ---- */

static size_t slots_for(size_t count) {
  size_t size = 16;
  while (size < count * 2) size *= 2;
  return size;
}

static size_t hash_bytes(const char *bytes, size_t size) {
  uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
  for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
  return (size_t)(hash ^ hash >> 29);
}

static size_t hash_pair(int32_t left, int32_t right) {
  uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  key *= 0x9e3779b97f4a7c15u;
  return (size_t)(key ^ key >> 32);
}

bool pome__bpe_init(pome__bpe *bpe, pome__arena *arena, size_t vocab_size, size_t merge_count) {
  size_t id_slots = slots_for(vocab_size), merge_slots = slots_for(merge_count);
  *bpe =
      (pome__bpe){.vocab_size = vocab_size, .id_mask = id_slots - 1, .merge_mask = merge_slots - 1};
  bpe->pieces = POME__NEW_ARRAY(arena, pome_string, vocab_size);
  bpe->id_slots = POME__NEW_ARRAY(arena, int32_t, id_slots);
  bpe->merges = POME__NEW_ARRAY(arena, struct pome__merge, merge_slots);
  if (bpe->pieces == NULL || bpe->id_slots == NULL || bpe->merges == NULL) return false;
  for (size_t i = 0; i < id_slots; i++) bpe->id_slots[i] = -1;
  for (size_t i = 0; i < merge_slots; i++) bpe->merges[i].left = -1;
  return true;
}

/* The slot that holds those bytes, or the empty one where they belong. */
static size_t find_slot(const pome__bpe *bpe, const char *bytes, size_t size) {
  size_t at = hash_bytes(bytes, size) & bpe->id_mask;
  for (; bpe->id_slots[at] >= 0; at = (at + 1) & bpe->id_mask) {
    pome_string piece = bpe->pieces[bpe->id_slots[at]];
    if (piece.size == size && memcmp(piece.data, bytes, size) == 0) break;
  }
  return at;
}

bool pome__bpe_add_piece(pome__bpe *bpe, int32_t id, pome_string bytes) {
  if (id < 0 || (size_t)id >= bpe->vocab_size || bpe->pieces[id].data != NULL) return false;
  size_t slot = find_slot(bpe, bytes.data, bytes.size);
  bpe->pieces[id] = bytes;
  if (bpe->id_slots[slot] < 0) bpe->id_slots[slot] = id;
  return true;
}

int32_t pome__bpe_find(const pome__bpe *bpe, const char *bytes, size_t size) {
  return bpe->id_slots[find_slot(bpe, bytes, size)];
}

void pome__bpe_index_bytes(pome__bpe *bpe) {
  for (int b = 0; b < 256; b++) {
    char byte = (char)b;
    bpe->byte_ids[b] = pome__bpe_find(bpe, &byte, 1);
  }
}

static struct pome__merge *merge_slot(const pome__bpe *bpe, int32_t left, int32_t right) {
  size_t at = hash_pair(left, right) & bpe->merge_mask;
  while (bpe->merges[at].left >= 0 &&
         (bpe->merges[at].left != left || bpe->merges[at].right != right)) {
    at = (at + 1) & bpe->merge_mask;
  }
  return &bpe->merges[at];
}

void pome__bpe_add_merge(pome__bpe *bpe, int32_t left, int32_t right, int32_t merged,
                         int32_t rank) {
  struct pome__merge *slot = merge_slot(bpe, left, right);
  if (slot->left < 0) *slot = (struct pome__merge){left, right, merged, rank};
}

/* ---- the heap: lowest rank first, then leftmost ---- */

static bool before(const struct pome__candidate *a, const struct pome__candidate *b) {
  return a->rank != b->rank ? a->rank < b->rank : a->left < b->left;
}

static void heap_push(struct pome__candidate *heap, size_t *count, struct pome__candidate item) {
  size_t at = (*count)++;
  for (; at > 0 && before(&item, &heap[(at - 1) / 2]); at = (at - 1) / 2)
    heap[at] = heap[(at - 1) / 2];
  heap[at] = item;
}

static struct pome__candidate heap_pop(struct pome__candidate *heap, size_t *count) {
  struct pome__candidate top = heap[0], item = heap[--*count];
  size_t at = 0;
  for (size_t child = 1; child < *count; child = 2 * at + 1) {
    if (child + 1 < *count && before(&heap[child + 1], &heap[child])) child++;
    if (!before(&heap[child], &item)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = item;
  return top;
}

/* ---- words ---- */

/* Each merge adds at most two candidates: 3 n are enough. */
static bool make_room(pome__bpe_work *work, size_t size) {
  if (size <= work->capacity) return true;
  size_t capacity = size < 64 ? 64 : size;
  pome__bpe_work_free(work);
  if (capacity > SIZE_MAX / (3 * sizeof *work->heap)) return false;
  work->symbols = pome__alloc(work->allocator, capacity * sizeof *work->symbols);
  work->heap = pome__alloc(work->allocator, 3 * capacity * sizeof *work->heap);
  work->capacity = capacity;
  if (work->symbols != NULL && work->heap != NULL) return true;
  pome__bpe_work_free(work);
  return false;
}

void pome__bpe_work_free(pome__bpe_work *work) {
  pome__free(work->allocator, work->symbols, work->capacity * sizeof *work->symbols);
  pome__free(work->allocator, work->heap, 3 * work->capacity * sizeof *work->heap);
  *work = (pome__bpe_work){.allocator = work->allocator};
}

static void consider(const pome__bpe *bpe, pome__bpe_work *work, size_t *heap_count, int32_t left) {
  const struct pome__symbol *symbols = work->symbols;
  int32_t right = left < 0 ? -1 : symbols[left].next;
  if (right < 0) return;
  const struct pome__merge *merge = merge_slot(bpe, symbols[left].id, symbols[right].id);
  if (merge->left < 0) return;
  heap_push(work->heap, heap_count,
            (struct pome__candidate){merge->rank, left, merge->left, merge->right, merge->merged});
}

static void merge_all(const pome__bpe *bpe, pome__bpe_work *work, size_t size) {
  struct pome__symbol *symbols = work->symbols;
  size_t heap_count = 0;
  for (size_t i = 0; i + 1 < size; i++) consider(bpe, work, &heap_count, (int32_t)i);
  while (heap_count > 0) {
    struct pome__candidate best = heap_pop(work->heap, &heap_count);
    struct pome__symbol *left = &symbols[best.left];
    if (left->id != best.left_id || left->next < 0 || symbols[left->next].id != best.right_id)
      continue;
    struct pome__symbol *right = &symbols[left->next];
    right->id = -1;
    left->id = best.merged;
    left->next = right->next;
    if (left->next >= 0) symbols[left->next].previous = best.left;
    consider(bpe, work, &heap_count, left->previous);
    consider(bpe, work, &heap_count, best.left);
  }
}

pome_status pome__bpe_encode(const pome__bpe *bpe, pome__bpe_work *work, const char *word,
                             size_t size, int32_t *ids, size_t *count, pome_error *error) {
  *count = 0;
  if (size == 0) return POME_OK;
  if (size > INT32_MAX)
    return pome__fail(error, POME_INPUT, "a word of %zu bytes is too long to encode", size);
  if (!make_room(work, size)) return pome__fail_memory(error, "encoding text");
  for (size_t i = 0; i < size; i++) {
    int32_t id = bpe->byte_ids[(unsigned char)word[i]];
    if (id < 0)
      return pome__fail(error, POME_INPUT, "the vocabulary has no token for byte 0x%02x",
                        (unsigned)(unsigned char)word[i]);
    work->symbols[i] =
        (struct pome__symbol){id, (int32_t)i - 1, i + 1 < size ? (int32_t)i + 1 : -1};
  }
  merge_all(bpe, work, size);
  for (int32_t at = 0; at >= 0; at = work->symbols[at].next) ids[(*count)++] = work->symbols[at].id;
  return POME_OK;
}
