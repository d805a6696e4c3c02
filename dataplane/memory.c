// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/memory.h"

#include <sys/mman.h>

enum { HUGEPAGE_BYTES = 2 << 20 };

static size_t rounded(size_t bytes)
{
	return (bytes + HUGEPAGE_BYTES - 1) / HUGEPAGE_BYTES * HUGEPAGE_BYTES;
}

void *memory_take(size_t bytes, bool *huge)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *memory = MAP_FAILED;

	*huge = false;
	if (bytes >= HUGEPAGE_BYTES) {
		// Without MAP_NORESERVE: a hugepage that is not there must be refused now.
		memory = mmap(NULL, rounded(bytes), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		*huge = memory != MAP_FAILED;
	}
	if (memory == MAP_FAILED)
		memory = mmap(NULL, rounded(bytes), PROT_READ | PROT_WRITE, flags, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	if (!*huge)
		madvise(memory, rounded(bytes), MADV_HUGEPAGE);
	return memory;
}

void memory_give_back(void *memory, size_t bytes)
{
	if (memory != NULL)
		munmap(memory, rounded(bytes));
}
