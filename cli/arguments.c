/* SPDX-License-Identifier: Apache-2.0 */
/* arguments: see arguments.h. Runs in: keystay. */
#include "cli/arguments.h"

#include <string.h>

#include "cli/suggest.h"
#include "lib/base/text.h"

#define NAME_MAX_SIZE 64

/* One walk over argv. */
struct walk {
	const struct ks_option *options;
	size_t n_options;
	char **next; /* what is read next */
	struct ks_arguments *arguments;
	struct ks_arguments_problem *problem;
};

static int fail_unknown(const struct walk *walk, const char *name)
{
	const char *names[KS_OPTIONS_MAX + 1];
	size_t n = 0;
	char shown[NAME_MAX_SIZE];

	for (size_t i = 0; i < walk->n_options; i++)
		names[n++] = walk->options[i].name;
	names[n++] = "help";
	ks_text_escape(ks_bytes_text(name), shown, sizeof(shown));
	const char *nearest = ks_suggest(name, names, n);
	if (nearest)
		(void)ks_text_print(walk->problem->text, sizeof(walk->problem->text),
				    "there is no option --%s; did you mean --%s?", shown, nearest);
	else
		(void)ks_text_print(walk->problem->text, sizeof(walk->problem->text), "there is no option --%s", shown);
	return KS_ERR_INVALID;
}

/* inline_value: what stands behind "=" or right behind a letter, else NULL. */
static int take_option(struct walk *walk, size_t row, const char *inline_value)
{
	const struct ks_option *option = &walk->options[row];
	struct ks_arguments_problem *problem = walk->problem;

	if (walk->arguments->values[row]) {
		(void)ks_text_print(problem->text, sizeof(problem->text), "--%s is given twice", option->name);
		return KS_ERR_INVALID;
	}
	if (!option->argument && inline_value) {
		(void)ks_text_print(problem->text, sizeof(problem->text), "--%s takes no value", option->name);
		return KS_ERR_INVALID;
	}
	if (!option->argument) {
		walk->arguments->values[row] = "";
		return 0;
	}
	const char *value = inline_value ? inline_value : *walk->next;
	if (!value) {
		(void)ks_text_print(problem->text, sizeof(problem->text), "--%s needs a value: --%s %s", option->name,
				    option->name, option->argument);
		return KS_ERR_INVALID;
	}
	if (!inline_value)
		walk->next++;
	walk->arguments->values[row] = value;
	return 0;
}

static int take_long(struct walk *walk, const char *text)
{
	const char *equals = strchr(text, '=');
	struct ks_bytes name = equals ? ks_bytes(text, (size_t)(equals - text)) : ks_bytes_text(text);

	if (ks_bytes_equal(name, ks_bytes_text("help")) && !equals) {
		walk->arguments->help = true;
		return 0;
	}
	for (size_t i = 0; i < walk->n_options; i++) {
		if (ks_bytes_equal(name, ks_bytes_text(walk->options[i].name)))
			return take_option(walk, i, equals ? equals + 1 : NULL);
	}
	char copy[NAME_MAX_SIZE];
	(void)ks_text_print(copy, sizeof(copy), "%.*s", (int)(name.size < sizeof(copy) ? name.size : sizeof(copy)),
			    text);
	return fail_unknown(walk, copy);
}

/* "-o FILE" or "-oFILE"; switches have no letters, so they need not be bundled. */
static int take_letter(struct walk *walk, const char *text)
{
	if (strcmp(text, "h") == 0) {
		walk->arguments->help = true;
		return 0;
	}
	for (size_t i = 0; i < walk->n_options; i++) {
		if (walk->options[i].letter && walk->options[i].letter == text[0])
			return take_option(walk, i, text[1] ? text + 1 : NULL);
	}
	char shown[NAME_MAX_SIZE];
	ks_text_escape(ks_bytes_text(text), shown, sizeof(shown));
	(void)ks_text_print(walk->problem->text, sizeof(walk->problem->text), "there is no option -%s", shown);
	return KS_ERR_INVALID;
}

int ks_arguments_read(const struct ks_option *options, size_t n_options, bool stops, char **argv,
		      struct ks_arguments *ret_arguments, struct ks_arguments_problem *ret_problem)
{
	struct ks_arguments arguments = { .operands = argv };
	struct walk walk = { options, n_options, argv, &arguments, ret_problem };
	int r = 0;

	while (r == 0 && *walk.next) {
		char *text = *walk.next;
		bool is_end = strcmp(text, "--") == 0;
		if (is_end || (stops && (text[0] != '-' || text[1] == '\0'))) {
			/* The rest are operands as they stand, moved up to those seen before. */
			for (char **rest = walk.next + is_end; *rest; rest++)
				arguments.operands[arguments.n_operands++] = *rest;
			break;
		}
		walk.next++;
		if (text[0] != '-' || text[1] == '\0')
			arguments.operands[arguments.n_operands++] = text;
		else if (text[1] == '-')
			r = take_long(&walk, text + 2);
		else
			r = take_letter(&walk, text + 1);
	}
	if (r < 0)
		return r;
	arguments.operands[arguments.n_operands] = NULL;
	*ret_arguments = arguments;
	return 0;
}
