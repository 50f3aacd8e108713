/* SPDX-License-Identifier: Apache-2.0 */
/* slot: see slot.h. Runs in: keystay-token. */
#include "pkcs11/slot.h"

#include <string.h>

#include "lib/base/text.h"
#include "pkcs11/label.h"

#define LIST_MAX 1024u
#define ITEM_SIZE 256u

/* The next item without the spaces around it; false at the end. An item that is too long reads as "". */
static bool next_item(const char **list, char ret_item[ITEM_SIZE])
{
	const char *start = *list;

	if (!start)
		return false;
	size_t size = strcspn(start, ",");
	*list = start[size] == ',' ? start + size + 1 : NULL;
	while (size > 0 && start[0] == ' ') {
		start++;
		size--;
	}
	while (size > 0 && start[size - 1] == ' ')
		size--;
	(void)ks_text_print(ret_item, ITEM_SIZE, "%.*s", size < ITEM_SIZE ? (int)size : 0, start);
	return true;
}

bool ks_slot_list_valid(const char *list)
{
	char item[ITEM_SIZE];

	if (strlen(list) > LIST_MAX || !ks_text_valid(ks_bytes_text(list)))
		return false;
	while (next_item(&list, item)) {
		if (item[0] == '\0')
			return false;
	}
	return true;
}

bool ks_slot_is_listed(const char *list, CK_SLOT_ID slot, const char *description)
{
	char item[ITEM_SIZE];
	uint64_t number;

	if (!list)
		return true;
	while (next_item(&list, item)) {
		bool is_number = ks_text_number(item, UINT64_MAX, &number) == 0;
		if (is_number ? number == slot : ks_text_match(item, description))
			return true;
	}
	return false;
}

void ks_slot_describe(const struct ks_module *module, CK_SLOT_ID slot, char ret_description[KS_PLACE_SIZE])
{
	CK_SLOT_INFO info;

	memset(&info, 0, sizeof(info));
	ret_description[0] = '\0';
	if (module->calls->C_GetSlotInfo(slot, &info) == CKR_OK)
		ks_label_read(ks_bytes(info.slotDescription, sizeof(info.slotDescription)), ret_description,
			      KS_PLACE_SIZE);
}
