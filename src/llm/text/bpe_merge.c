/* Merging the symbols of one word.
 *
 * Short words: look at every pair for the lowest rank, merge, look again. Long ones: candidate
 * places wait in one list for each rank, and a heap holds the ranks that have any. Lists are nearly
 * sorted by how they are filled, from left to right, so that the whole is close to linear where a
 * heap of places would pay a cache miss for every level.
 */
#include <string.h>

#include "base/check.h"
#include "llm/text/bpe.h"

#define SHORT_COUNT 64
#define NO_RANK     INT32_MAX

/* ---- short words ---- */

static int32_t rank_of(const pome__bpe *bpe, int32_t left, int32_t right, int32_t *merged) {
  const pome__merge *merge = pome__bpe_find_merge(bpe, left, right);
  *merged = merge == NULL ? -1 : merge->merged;
  return merge == NULL ? NO_RANK : merge->rank;
}

static size_t merge_short(const pome__bpe *bpe, pome__symbol *symbols, size_t count) {
  int32_t ranks[SHORT_COUNT], merged[SHORT_COUNT]; /* of each symbol with the one after it */
  for (size_t i = 0; i + 1 < count; i++)
    ranks[i] = rank_of(bpe, symbols[i].id, symbols[i + 1].id, &merged[i]);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; i++) {
      if (ranks[i] < ranks[best]) best = i;
    }
    if (ranks[best] == NO_RANK) break;
    symbols[best] = (pome__symbol){merged[best], symbols[best + 1].end};
    count--;
    memmove(symbols + best + 1, symbols + best + 2, (count - best - 1) * sizeof *symbols);
    if (best + 1 < count) {
      memmove(ranks + best + 1, ranks + best + 2, (count - best - 1) * sizeof *ranks);
      memmove(merged + best + 1, merged + best + 2, (count - best - 1) * sizeof *merged);
      ranks[best] = rank_of(bpe, symbols[best].id, symbols[best + 1].id, &merged[best]);
    }
    if (best > 0)
      ranks[best - 1] = rank_of(bpe, symbols[best - 1].id, symbols[best].id, &merged[best - 1]);
  }
  return count;
}

/* ---- long words ---- */

typedef struct entry {
  int32_t place; /* of the left symbol */
  int32_t next;  /* entry, or -1 */
} entry;

typedef struct bucket {
  int32_t head, tail; /* entries; head 0: empty */
  bool unsorted;
  bool started; /* its places are being merged: it stays sorted */
} bucket;

typedef struct link {
  int32_t previous, next; /* symbols, or -1 */
} link;

typedef struct merging {
  const pome__bpe *bpe;
  pome__word_work *work;
  pome__symbol *symbols;
  link *links;
  entry *entries; /* entry 0 is not used */
  size_t entry_count, entry_room;
  int32_t free;    /* list of entries to use again, 0 at its end */
  bucket *buckets; /* by rank */
  int32_t *heap;   /* ranks whose bucket is not empty, the lowest first */
  size_t heap_count, heap_room;
} merging;

static bool heap_push(merging *m, int32_t rank) {
  if (m->heap_count == m->heap_room) {
    size_t room = m->heap_room == 0 ? 1024 : m->heap_room * 2;
    m->heap = pome__scratch_keep(&m->work->heap, m->work->allocator, room * sizeof *m->heap);
    if (m->heap == NULL) return false;
    m->heap_room = room;
  }
  size_t at = m->heap_count++;
  for (; at > 0 && rank < m->heap[(at - 1) / 2]; at = (at - 1) / 2)
    m->heap[at] = m->heap[(at - 1) / 2];
  m->heap[at] = rank;
  return true;
}

static void heap_pop(merging *m) {
  int32_t rank = m->heap[--m->heap_count];
  size_t at = 0;
  for (size_t child = 1; child < m->heap_count; child = 2 * at + 1) {
    if (child + 1 < m->heap_count && m->heap[child + 1] < m->heap[child]) child++;
    if (m->heap[child] >= rank) break;
    m->heap[at] = m->heap[child];
    at = child;
  }
  m->heap[at] = rank;
}

/* 0 when out of memory. */
static int32_t new_entry(merging *m, int32_t place) {
  int32_t at = m->free;
  if (at > 0) {
    m->free = m->entries[at].next;
  } else {
    if (m->entry_count == m->entry_room) {
      size_t room = m->entry_room * 2;
      entry *grown = room > INT32_MAX ? NULL
                                      : pome__scratch_keep(&m->work->entries, m->work->allocator,
                                                           room * sizeof *grown);
      if (grown == NULL) return 0;
      m->entries = grown;
      m->entry_room = room;
    }
    at = (int32_t)m->entry_count++;
  }
  m->entries[at] = (entry){place, 0};
  return at;
}

/* Into a list that is being worked off: what is new lies near its front. */
static void insert_sorted(merging *m, bucket *b, int32_t fresh) {
  int32_t before = 0, at = b->head;
  while (at > 0 && m->entries[at].place < m->entries[fresh].place) {
    before = at;
    at = m->entries[at].next;
  }
  m->entries[fresh].next = at;
  if (before == 0) b->head = fresh;
  else m->entries[before].next = fresh;
  if (at == 0) b->tail = fresh;
}

static bool add_place(merging *m, int32_t place, int32_t rank) {
  bucket *b = &m->buckets[rank];
  int32_t fresh = new_entry(m, place);
  if (fresh == 0) return false;
  if (b->head == 0) {
    b->head = b->tail = fresh;
    return heap_push(m, rank);
  }
  bool behind = place >= m->entries[b->tail].place;
  if (!behind && b->started) {
    insert_sorted(m, b, fresh);
    return true;
  }
  if (!behind) b->unsorted = true;
  m->entries[b->tail].next = fresh;
  b->tail = fresh;
  return true;
}

static bool consider(merging *m, int32_t left) {
  int32_t right = left < 0 ? -1 : m->links[left].next;
  if (right < 0) return true;
  const pome__merge *merge =
      pome__bpe_find_merge(m->bpe, m->symbols[left].id, m->symbols[right].id);
  return merge == NULL || add_place(m, left, merge->rank);
}

static int32_t merge_lists(merging *m, int32_t a, int32_t b) {
  entry head = {0, 0}, *last = &head;
  while (a > 0 && b > 0) {
    int32_t *from = m->entries[b].place < m->entries[a].place ? &b : &a;
    last->next = *from;
    last = &m->entries[*from];
    *from = last->next;
  }
  last->next = a > 0 ? a : b;
  return head.next;
}

/* Merges ever longer sorted lists, like counting up in binary. */
static void sort_bucket(merging *m, bucket *b) {
  int32_t sorted[32] = {0}, all = 0;
  for (int32_t at = b->head, next; at > 0; at = next) {
    next = m->entries[at].next;
    m->entries[at].next = 0;
    int level = 0;
    for (; sorted[level] > 0; level++) {
      at = merge_lists(m, sorted[level], at);
      sorted[level] = 0;
    }
    sorted[level] = at;
  }
  for (int level = 0; level < 32; level++) all = merge_lists(m, sorted[level], all);
  b->head = all;
  for (b->tail = all; m->entries[b->tail].next > 0;) b->tail = m->entries[b->tail].next;
  b->unsorted = false;
}

/* Takes the leftmost place of the lowest rank. */
static int32_t take_place(merging *m, int32_t rank) {
  bucket *b = &m->buckets[rank];
  if (b->unsorted) sort_bucket(m, b);
  b->started = true;
  int32_t at = b->head, place = m->entries[at].place;
  b->head = m->entries[at].next;
  m->entries[at].next = m->free;
  m->free = at;
  if (b->head == 0) {
    *b = (bucket){0};
    heap_pop(m);
  }
  return place;
}

static bool merge_place(merging *m, int32_t place, int32_t rank) {
  pome__symbol *left = &m->symbols[place];
  int32_t right = m->links[place].next;
  if (left->id < 0 || right < 0) return true;
  const pome__merge *merge = pome__bpe_find_merge(m->bpe, left->id, m->symbols[right].id);
  if (merge == NULL || merge->rank != rank) return true; /* a neighbour has been merged since */
  *left = (pome__symbol){merge->merged, m->symbols[right].end};
  m->symbols[right].id = -1;
  m->links[place].next = m->links[right].next;
  if (m->links[place].next >= 0) m->links[m->links[place].next].previous = place;
  return consider(m, m->links[place].previous) && consider(m, place);
}

static bool prepare(merging *m, size_t count) {
  pome__word_work *work = m->work;
  bool fresh = work->buckets.data == NULL;
  size_t links = count * sizeof *m->links;
  m->entry_room = count + 16;
  m->entries =
      pome__scratch_get(&work->entries, work->allocator, m->entry_room * sizeof *m->entries);
  m->buckets =
      pome__scratch_get(&work->buckets, work->allocator, m->bpe->rank_count * sizeof *m->buckets);
  m->links = pome__scratch_get(&work->links, work->allocator, links);
  if (m->entries == NULL || m->buckets == NULL || m->links == NULL) return false;
  m->entry_count = 1;
  m->entries[0] = (entry){0};
  m->heap = work->heap.data;
  m->heap_room = work->heap.size / sizeof *m->heap;
  /* Merging leaves them empty. */
  if (fresh) memset(m->buckets, 0, m->bpe->rank_count * sizeof *m->buckets);
  for (size_t i = 0; i < count; i++)
    m->links[i] = (link){(int32_t)i - 1, i + 1 < count ? (int32_t)i + 1 : -1};
  return true;
}

static bool merge_long(const pome__bpe *bpe, pome__word_work *work, pome__symbol *symbols,
                       size_t *count) {
  merging m = {.bpe = bpe, .work = work, .symbols = symbols};
  bool good = *count <= INT32_MAX / 2 && prepare(&m, *count);
  for (size_t i = 0; good && i + 1 < *count; i++) good = consider(&m, (int32_t)i);
  while (good && m.heap_count > 0) {
    int32_t rank = m.heap[0];
    good = merge_place(&m, take_place(&m, rank), rank);
  }
  size_t kept = 0;
  for (size_t i = 0; i < *count; i++) {
    if (symbols[i].id >= 0) symbols[kept++] = symbols[i];
  }
  *count = kept;
  return good;
}

bool pome__bpe_merge(const pome__bpe *bpe, pome__word_work *work, pome__symbol *symbols,
                     size_t *count) {
  if (bpe->rank_count == 0 || *count < 2) return true;
  if (*count > SHORT_COUNT) return merge_long(bpe, work, symbols, count);
  *count = merge_short(bpe, symbols, *count);
  return true;
}
