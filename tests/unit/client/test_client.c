/* SPDX-License-Identifier: Apache-2.0 */
/* What client.h promises about one connection and its calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "client/client.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/frame.h"
#include "tests/unit/client/fake_agent.h"

/* --- helpers ----------------------------------------------------------------------------------------------------- */

/* A STATUS call on the control socket; the reply's members that tests look at. */
static int call_status(struct ks_client_error *error, uint32_t *ret_pid)
{
	struct ks_client client;
	int r = ks_client_open(KS_CLIENT_CONTROL, &client, error);
	if (r < 0)
		return r;
	struct ks_msg_status request = { 0 };
	struct ks_msg_status_reply reply;
	r = ks_client_call(&client, KS_MSG_STATUS, &request, KS_MSG_STATUS_REPLY, &reply, sizeof(reply), NULL, error);
	if (r == 0)
		*ret_pid = reply.pid;
	ks_client_close(&client);
	return r;
}

/* Answers each request with the frame that the test built for its id. */
struct script {
	void (*answer)(int fd, uint32_t id);
};

static void serve_script(struct fake_agent *agent, int fd)
{
	const struct script *script = agent->userdata;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	uint8_t type;
	struct ks_bytes body;

	while (fake_agent_read(fd, &buffer, &type, &body))
		script->answer(fd, fake_agent_id(body));
}

static int status_against(void (*answer)(int fd, uint32_t id), struct ks_client_error *error)
{
	struct script script = { answer };
	struct fake_agent agent;
	uint32_t pid = 0;

	memset(error, 0, sizeof(*error));
	fake_agent_start(&agent, serve_script, &script);
	int r = call_status(error, &pid);
	fake_agent_stop(&agent);
	assert_true(r < 0 || pid == 42);
	if (r < 0) {
		assert_int_equal(error->code, r);
		assert_true(strlen(error->text) > 10);
		assert_null(strchr(error->text, '\n'));
	}
	return r;
}

static void build_status(struct ks_buffer *frame, uint32_t id, uint32_t version)
{
	struct ks_msg_status_reply reply = {
		.version = version, .id = id, .pid = 42, .agent_version = ks_bytes_text("0.1")
	};
	ks_message_write(frame, KS_MSG_STATUS_REPLY, &reply);
	assert_int_equal(ks_buffer_error(frame), 0);
}

static void answer_well(int fd, uint32_t id)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };

	build_status(&frame, id, KS_PROTOCOL_VERSION);
	fake_agent_send(fd, ks_buffer_bytes(&frame));
}

static unsigned count_open_files(void)
{
	unsigned n = 0;
	DIR *folder = opendir("/proc/self/fd");

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	(void)closedir(folder);
	return n;
}

/* --- good replies ------------------------------------------------------------------------------------------------ */

static void test_client_call_returns_the_reply(void **state)
{
	(void)state;
	struct ks_client_error error;
	unsigned before = count_open_files();
	assert_int_equal(status_against(answer_well, &error), 0);
	assert_int_equal(count_open_files(), before);
}

static void answer_byte_by_byte(int fd, uint32_t id)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };

	build_status(&frame, id, KS_PROTOCOL_VERSION);
	for (size_t i = 0; i < frame.size; i++)
		fake_agent_send(fd, ks_bytes(frame.data + i, 1));
}

static void test_client_call_puts_a_reply_together_from_single_bytes(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_byte_by_byte, &error), 0);
}

static void answer_with_unknown_fields(int fd, uint32_t id)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };

	build_status(&frame, id, KS_PROTOCOL_VERSION);
	ks_buffer_put_u64(&frame, 7);
	uint32_t size = (uint32_t)frame.size - 4;
	for (unsigned i = 0; i < 4; i++)
		frame.data[i] = (uint8_t)(size >> (24 - 8 * i));
	fake_agent_send(fd, ks_buffer_bytes(&frame));
}

static void test_client_call_ignores_fields_of_a_newer_agent(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_with_unknown_fields, &error), 0);
}

static void test_client_makes_several_calls_with_different_ids(void **state)
{
	(void)state;
	struct script script = { answer_well };
	struct fake_agent agent;
	struct ks_client client;
	struct ks_client_error error;
	struct ks_msg_status request = { 0 };
	struct ks_msg_status_reply reply;

	fake_agent_start(&agent, serve_script, &script);
	assert_int_equal(ks_client_open(KS_CLIENT_CONTROL, &client, &error), 0);
	uint32_t last = 0;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ks_client_call(&client, KS_MSG_STATUS, &request, KS_MSG_STATUS_REPLY, &reply,
						sizeof(reply), NULL, &error),
				 0);
		assert_int_not_equal(reply.id, 0);
		assert_int_not_equal(reply.id, last);
		last = reply.id;
	}
	ks_client_close(&client);
	fake_agent_stop(&agent);
	assert_int_equal(atomic_load(&agent.n_connections), 1);
}

/* --- refusals ---------------------------------------------------------------------------------------------------- */

static void answer_locked(int fd, uint32_t id)
{
	fake_agent_refuse(fd, id, KS_ERR_TOKEN_LOCKED, "token \"corp\" is locked; run: keystay unlock corp");
}

static void test_client_hands_on_the_agents_own_sentence(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_locked, &error), KS_ERR_TOKEN_LOCKED);
	assert_string_equal(error.text, "token \"corp\" is locked; run: keystay unlock corp");
}

static void answer_unknown_code(int fd, uint32_t id)
{
	fake_agent_refuse(fd, id, -4711, "the moon is in the wrong house");
}

static void test_client_treats_an_unknown_error_code_as_a_refusal(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_unknown_code, &error), -4711);
	assert_string_equal(error.text, "the moon is in the wrong house");
}

static void answer_without_words(int fd, uint32_t id)
{
	fake_agent_refuse(fd, id, KS_ERR_TOKEN_ABSENT, "");
}

static void test_client_has_words_when_the_agent_has_none(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_without_words, &error), KS_ERR_TOKEN_ABSENT);
	assert_string_equal(error.text, ks_error_text(KS_ERR_TOKEN_ABSENT));
}

static void answer_unreadable(int fd, uint32_t id)
{
	(void)id;
	fake_agent_refuse(fd, 0, KS_ERR_QUOTA, "too many connections of this program");
}

static void test_client_takes_an_error_with_id_zero(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_unreadable, &error), KS_ERR_QUOTA);
}

static void answer_code_zero(int fd, uint32_t id)
{
	fake_agent_refuse(fd, id, 0, "no error at all");
}

static void test_client_never_takes_an_error_reply_for_success(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_code_zero, &error), KS_ERR_MALFORMED);
}

static void test_client_can_go_on_after_a_refusal(void **state)
{
	(void)state;
	struct script script = { answer_locked };
	struct fake_agent agent;
	struct ks_client client;
	struct ks_client_error error;
	struct ks_msg_status request = { 0 };
	struct ks_msg_status_reply reply;

	fake_agent_start(&agent, serve_script, &script);
	assert_int_equal(ks_client_open(KS_CLIENT_CONTROL, &client, &error), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ks_client_call(&client, KS_MSG_STATUS, &request, KS_MSG_STATUS_REPLY, &reply,
						sizeof(reply), NULL, &error),
				 KS_ERR_TOKEN_LOCKED);
	ks_client_close(&client);
	fake_agent_stop(&agent);
}

/* --- what is not believed ---------------------------------------------------------------------------------------- */

static void answer_other_id(int fd, uint32_t id)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };

	build_status(&frame, id + 1, KS_PROTOCOL_VERSION);
	fake_agent_send(fd, ks_buffer_bytes(&frame));
}

static void test_client_refuses_a_reply_with_another_id(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_other_id, &error), KS_ERR_MALFORMED);
}

static void answer_error_of_other_id(int fd, uint32_t id)
{
	fake_agent_refuse(fd, id + 1, KS_ERR_TOKEN_LOCKED, "not for you");
}

static void test_client_refuses_an_error_with_another_id(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_error_of_other_id, &error), KS_ERR_MALFORMED);
}

static void answer_other_type(int fd, uint32_t id)
{
	struct ks_msg_reload_reply reply = { KS_MESSAGE_HEAD(id) };

	fake_agent_reply(fd, KS_MSG_RELOAD_REPLY, &reply);
}

static void test_client_refuses_a_reply_of_another_type(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_other_type, &error), KS_ERR_MALFORMED);
}

static void answer_next_version(int fd, uint32_t id)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };

	build_status(&frame, id, KS_PROTOCOL_VERSION + 1);
	fake_agent_send(fd, ks_buffer_bytes(&frame));
}

static void test_client_names_both_versions_when_they_differ(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_next_version, &error), KS_ERR_VERSION);
	assert_non_null(strstr(error.text, "version 2"));
	assert_non_null(strstr(error.text, "version 1"));
}

static void answer_length_zero(int fd, uint32_t id)
{
	(void)id;
	fake_agent_send(fd, ks_bytes("\0\0\0\0", 4));
}

static void test_client_refuses_length_zero(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_length_zero, &error), KS_ERR_MALFORMED);
}

static void answer_giant_length(int fd, uint32_t id)
{
	(void)id;
	fake_agent_send(fd, ks_bytes("\xff\xff\xff\xff", 4));
}

/* By the length alone: it would wait two minutes for the bytes otherwise. */
static void test_client_refuses_a_giant_length_at_once(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_giant_length, &error), KS_ERR_MALFORMED);
}

static void answer_truncated_body(int fd, uint32_t id)
{
	(void)id;
	fake_agent_send(fd, ks_bytes("\0\0\0\3\x22\0\0", 7));
}

static void test_client_refuses_a_body_without_a_head(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_truncated_body, &error), KS_ERR_MALFORMED);
}

static void answer_broken_fields(int fd, uint32_t id)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };
	size_t position = ks_frame_begin(&frame, KS_MSG_STATUS_REPLY);

	ks_buffer_put_u32(&frame, KS_PROTOCOL_VERSION);
	ks_buffer_put_u32(&frame, id);
	ks_buffer_put_u32(&frame, 1000); /* a text that is longer than the frame */
	ks_frame_end(&frame, position);
	fake_agent_send(fd, ks_buffer_bytes(&frame));
}

static void test_client_refuses_fields_that_run_over_the_frame(void **state)
{
	(void)state;
	struct ks_client_error error;
	assert_int_equal(status_against(answer_broken_fields, &error), KS_ERR_MALFORMED);
}

static void hang_up_after_request(struct fake_agent *agent, int fd)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	uint8_t type;
	struct ks_bytes body;
	(void)agent;
	(void)fake_agent_read(fd, &buffer, &type, &body);
}

static void hang_up_in_reply(struct fake_agent *agent, int fd)
{
	hang_up_after_request(agent, fd);
	fake_agent_send(fd, ks_bytes("\0\0\1\0\x22", 5));
}

static void hang_up_at_once(struct fake_agent *agent, int fd)
{
	(void)agent;
	(void)fd;
}

/* Also a test that nobody gets SIGPIPE: it would end this program. */
static void test_client_reports_a_closed_connection(void **state)
{
	(void)state;
	void (*const ways[])(struct fake_agent *, int) = { hang_up_after_request, hang_up_in_reply, hang_up_at_once };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct fake_agent agent;
		struct ks_client_error error;
		uint32_t pid;
		fake_agent_start(&agent, ways[i], NULL);
		assert_int_equal(call_status(&error, &pid), KS_ERR_CLOSED);
		assert_non_null(strstr(error.text, "try again"));
		fake_agent_stop(&agent);
	}
}

static void test_client_does_not_use_a_connection_that_has_failed(void **state)
{
	(void)state;
	struct script script = { answer_other_id };
	struct fake_agent agent;
	struct ks_client client;
	struct ks_client_error error;
	struct ks_msg_status request = { 0 };
	struct ks_msg_status_reply reply;

	fake_agent_start(&agent, serve_script, &script);
	assert_int_equal(ks_client_open(KS_CLIENT_CONTROL, &client, &error), 0);
	assert_int_equal(ks_client_call(&client, KS_MSG_STATUS, &request, KS_MSG_STATUS_REPLY, &reply, sizeof(reply),
					NULL, &error),
			 KS_ERR_MALFORMED);
	assert_int_equal(client.fd, -1);
	assert_int_equal(ks_client_call(&client, KS_MSG_STATUS, &request, KS_MSG_STATUS_REPLY, &reply, sizeof(reply),
					NULL, &error),
			 KS_ERR_CLOSED);
	ks_client_close(&client);
	fake_agent_stop(&agent);
}

/* --- no agent ---------------------------------------------------------------------------------------------------- */

static void check_no_agent(const char *path)
{
	struct ks_client_error error;
	uint32_t pid;
	char expected[512];

	(void)snprintf(expected, sizeof(expected),
		       "keystay-agent is not running (no listener at %s); start it: keystay-agent &   or: "
		       "systemctl --user start keystay-agent.socket",
		       path);
	assert_int_equal(call_status(&error, &pid), KS_ERR_NO_AGENT);
	assert_int_equal(error.code, KS_ERR_NO_AGENT);
	assert_string_equal(error.text, expected);
}

static void test_client_says_how_to_start_an_agent(void **state)
{
	(void)state;
	struct fake_agent agent;

	fake_agent_make_folder(&agent);
	check_no_agent(agent.path); /* no socket file */
	(void)close(fake_agent_bind(agent.path, 1));
	check_no_agent(agent.path); /* a stale one */
	fake_agent_remove_folder(&agent);
	check_no_agent(agent.path); /* no folder */
}

static void test_client_refuses_a_path_that_does_not_fit(void **state)
{
	(void)state;
	struct ks_client client;
	struct ks_client_error error;
	char path[200];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(setenv("KEYSTAY_SOCK", path, 1), 0);
	assert_int_equal(ks_client_open(KS_CLIENT_SIGN, &client, &error), KS_ERR_INVALID);
	assert_non_null(strstr(error.text, "107 bytes"));
	assert_non_null(strstr(error.text, path));
}

static void test_client_tells_when_no_path_is_known(void **state)
{
	(void)state;
	struct ks_client client;
	struct ks_client_error error;
	char run_folder[64];

	(void)snprintf(run_folder, sizeof(run_folder), "/run/user/%u", (unsigned)getuid());
	if (access(run_folder, F_OK) == 0)
		skip(); /* the fall-back exists here */
	char *runtime = getenv("XDG_RUNTIME_DIR") ? strdup(getenv("XDG_RUNTIME_DIR")) : NULL;
	(void)unsetenv("KEYSTAY_SOCK");
	(void)unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(ks_client_open(KS_CLIENT_SIGN, &client, &error), KS_ERR_NO_AGENT);
	assert_non_null(strstr(error.text, "XDG_RUNTIME_DIR"));
	if (runtime)
		(void)setenv("XDG_RUNTIME_DIR", runtime, 1);
	free(runtime);
}

/* --- requests that are not sent ---------------------------------------------------------------------------------- */

static void test_client_refuses_a_name_that_is_no_text(void **state)
{
	(void)state;
	struct fake_agent agent;
	struct script script = { answer_well };
	struct ks_client client;
	struct ks_client_error error;
	struct ks_msg_get request = { .name = ks_bytes("\xff\xfe", 2) };
	struct ks_msg_get_reply reply;

	fake_agent_start(&agent, serve_script, &script);
	assert_int_equal(ks_client_open(KS_CLIENT_SIGN, &client, &error), 0);
	assert_int_equal(
		ks_client_call(&client, KS_MSG_GET, &request, KS_MSG_GET_REPLY, &reply, sizeof(reply), NULL, &error),
		KS_ERR_INVALID);
	assert_non_null(strstr(error.text, "UTF-8"));
	ks_client_close(&client);
	fake_agent_stop(&agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_call_returns_the_reply),
		cmocka_unit_test(test_client_call_puts_a_reply_together_from_single_bytes),
		cmocka_unit_test(test_client_call_ignores_fields_of_a_newer_agent),
		cmocka_unit_test(test_client_makes_several_calls_with_different_ids),
		cmocka_unit_test(test_client_hands_on_the_agents_own_sentence),
		cmocka_unit_test(test_client_treats_an_unknown_error_code_as_a_refusal),
		cmocka_unit_test(test_client_has_words_when_the_agent_has_none),
		cmocka_unit_test(test_client_takes_an_error_with_id_zero),
		cmocka_unit_test(test_client_never_takes_an_error_reply_for_success),
		cmocka_unit_test(test_client_can_go_on_after_a_refusal),
		cmocka_unit_test(test_client_refuses_a_reply_with_another_id),
		cmocka_unit_test(test_client_refuses_an_error_with_another_id),
		cmocka_unit_test(test_client_refuses_a_reply_of_another_type),
		cmocka_unit_test(test_client_names_both_versions_when_they_differ),
		cmocka_unit_test(test_client_refuses_length_zero),
		cmocka_unit_test(test_client_refuses_a_giant_length_at_once),
		cmocka_unit_test(test_client_refuses_a_body_without_a_head),
		cmocka_unit_test(test_client_refuses_fields_that_run_over_the_frame),
		cmocka_unit_test(test_client_reports_a_closed_connection),
		cmocka_unit_test(test_client_does_not_use_a_connection_that_has_failed),
		cmocka_unit_test(test_client_says_how_to_start_an_agent),
		cmocka_unit_test(test_client_refuses_a_path_that_does_not_fit),
		cmocka_unit_test(test_client_tells_when_no_path_is_known),
		cmocka_unit_test(test_client_refuses_a_name_that_is_no_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
