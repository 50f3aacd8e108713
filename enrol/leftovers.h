/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leftovers: temporary files that a kill has left beside the file that they were to become.
 *
 * Runs in: keystay-enroll, by whoever holds the lock of that file: nobody writes one there then.
 */
#pragma once

/* Removes path + infix + six letters or digits, as mkostemp(3) makes them. Nothing that can go wrong matters. */
void ks_leftovers_remove(const char *path, const char *infix);
