// SPDX-License-Identifier: BSD-3-Clause
// Memory for the big tables: taken once at start, in hugepages where there are some.
//
// Zeroed, and touched only when used: what a table does not fill costs no memory on ordinary
// pages. Control thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Takes at least bytes. Sets *huge to whether they lie in reserved hugepages.
// Returns NULL with errno ENOMEM.
void *memory_take(size_t bytes, bool *huge);

// Gives back what memory_take() took with the same number of bytes. NULL is nothing.
void memory_give_back(void *memory, size_t bytes);
