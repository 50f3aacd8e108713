/* SPDX-License-Identifier: Apache-2.0 */
/* rig_token: the part of the rig that makes tokens, keys and certificates. See rig.h. Runs in: unit tests. */
#include "tests/unit/pkcs11/rig.h"

#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define SO_PIN "12345678"

/* --- the folder -------------------------------------------------------------------------------------------------- */

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void copy_file(const char *from, const char *to)
{
	char command[512];

	(void)snprintf(command, sizeof(command), "cp -- '%s' '%s' && chmod 0700 '%s'", from, to, to);
	assert_int_equal(system(command), 0);
}

/* SoftHSM waits for the disk at each object, which costs a minute for some hundred; memory does not. */
static const char *temporary_folder(void)
{
	const char *chosen = getenv("TMPDIR");
	struct statvfs memory;

	if (chosen)
		return chosen;
	bool usable = statvfs("/dev/shm", &memory) == 0 && !(memory.f_flag & ST_NOEXEC) &&
		      access("/dev/shm", W_OK) == 0;
	return usable ? "/dev/shm" : "/tmp";
}

void rig_init(struct rig *rig)
{
	char path[192], text[320];

	(void)snprintf(rig->folder, sizeof(rig->folder), "%s/keystay-rig-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(rig->folder));
	(void)snprintf(rig->shim, sizeof(rig->shim), "%s/keystay-shim.so", rig->folder);
	(void)snprintf(rig->script, sizeof(rig->script), "%s/script", rig->folder);
	(void)snprintf(rig->counts, sizeof(rig->counts), "%s/counts", rig->folder);
	copy_file(KEYSTAY_SHIM, rig->shim);
	(void)snprintf(path, sizeof(path), "%s/tokens", rig->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(text, sizeof(text), "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
		       path);
	(void)snprintf(path, sizeof(path), "%s/softhsm2.conf", rig->folder);
	write_text(path, text);
}

void rig_deinit(struct rig *rig)
{
	char command[192];

	(void)snprintf(command, sizeof(command), "rm -rf -- '%s'", rig->folder);
	assert_int_equal(system(command), 0);
}

void rig_script(const struct rig *rig, const char *script)
{
	char path[192];

	(void)snprintf(path, sizeof(path), "%s.new", rig->script);
	write_text(path, script ? script : "");
	assert_int_equal(rename(path, rig->script), 0);
}

unsigned rig_count(const struct rig *rig, const char *line)
{
	char text[128];
	unsigned n = 0;
	FILE *file = fopen(rig->counts, "re");

	while (file && fgets(text, sizeof(text), file)) {
		size_t size = strlen(line);
		n += strncmp(text, line, size) == 0 && (text[size] == '\n' || text[size] == ' ') ? 1 : 0;
	}
	if (file)
		(void)fclose(file);
	return n;
}

/* --- writing tokens, in a child process -------------------------------------------------------------------------- */

/* The child has no cmocka: what fails there is said and counted by its exit code. */
static void must(CK_RV rv, const char *what)
{
	if (rv == CKR_OK)
		return;
	(void)fprintf(stderr, "rig: %s: 0x%lx\n", what, rv);
	_exit(1);
}

static void load(struct rig_writer *writer)
{
	CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };
	void *library = dlopen(RIG_SOFTHSM, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = NULL;

	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	must(get ? get(&writer->calls) : CKR_GENERAL_ERROR, "loading " RIG_SOFTHSM);
	must(writer->calls->C_Initialize(&arguments), "C_Initialize");
}

void rig_write(const struct rig *rig, void (*fill)(struct rig_writer *writer, void *userdata), void *userdata)
{
	char path[192];
	int status = -1;

	(void)fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rig_writer writer = { 0 };
		(void)snprintf(path, sizeof(path), "%s/softhsm2.conf", rig->folder);
		(void)setenv("SOFTHSM2_CONF", path, 1);
		load(&writer);
		fill(&writer, userdata);
		must(writer.calls->C_Finalize(NULL), "C_Finalize");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

void rig_write_token(struct rig_writer *writer, const char *label)
{
	CK_FUNCTION_LIST *calls = writer->calls;
	CK_UTF8CHAR so_pin[] = SO_PIN, pin[] = RIG_PIN, padded[32];
	CK_SLOT_ID slots[64];
	CK_ULONG n = 64, i;
	CK_TOKEN_INFO info;

	/* SoftHSM has one blank token, and a new one after the next C_Initialize. */
	if (writer->session != CK_INVALID_HANDLE) {
		must(calls->C_Finalize(NULL), "C_Finalize");
		must(calls->C_Initialize(NULL), "C_Initialize");
	}
	must(calls->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
	for (i = 0; i < n; i++) {
		must(calls->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
		if (!(info.flags & CKF_TOKEN_INITIALIZED))
			break;
	}
	must(i < n ? CKR_OK : CKR_GENERAL_ERROR, "a blank token");
	memset(padded, ' ', sizeof(padded));
	memcpy(padded, label, strlen(label));
	must(calls->C_InitToken(slots[i], so_pin, strlen(SO_PIN), padded), "C_InitToken");
	must(calls->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &writer->session),
	     "C_OpenSession");
	must(calls->C_Login(writer->session, CKU_SO, so_pin, strlen(SO_PIN)), "C_Login as SO");
	must(calls->C_InitPIN(writer->session, pin, strlen(RIG_PIN)), "C_InitPIN");
	must(calls->C_Logout(writer->session), "C_Logout");
	must(calls->C_Login(writer->session, CKU_USER, pin, strlen(RIG_PIN)), "C_Login");
}

/* A template that grows; values are copied into it. */
struct object {
	CK_ATTRIBUTE attributes[24];
	CK_ULONG n;
	CK_BYTE memory[70000];
	size_t used;
};

static void put(struct object *object, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
	CK_BYTE *copy = object->memory + object->used;

	must(object->used + size <= sizeof(object->memory) ? CKR_OK : CKR_HOST_MEMORY, "memory of an object");
	if (size > 0)
		memcpy(copy, value, size);
	object->used += size;
	object->attributes[object->n++] = (CK_ATTRIBUTE){ type, copy, size };
}

static void put_bool(struct object *object, CK_ATTRIBUTE_TYPE type, CK_BBOOL value)
{
	put(object, type, &value, sizeof(value));
}

static void put_number(struct object *object, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	put(object, type, &value, sizeof(value));
}

static void put_bignum(struct object *object, CK_ATTRIBUTE_TYPE type, EVP_PKEY *key, const char *name, int size)
{
	CK_BYTE bytes[1024];
	BIGNUM *number = NULL;

	must(EVP_PKEY_get_bn_param(key, name, &number) == 1 ? CKR_OK : CKR_GENERAL_ERROR, name);
	int used = size > 0 ? BN_bn2binpad(number, bytes, size) : BN_bn2bin(number, bytes);
	put(object, type, bytes, (size_t)used);
	BN_free(number);
}

static void create(const struct rig_writer *writer, struct object *object)
{
	CK_OBJECT_HANDLE handle;

	must(writer->calls->C_CreateObject(writer->session, object->attributes, object->n, &handle), "C_CreateObject");
}

static const struct curve {
	const char *group;
	int size;
	CK_BYTE parameters[12];
	CK_ULONG parameters_size;
} curves[] = {
	{ "prime256v1", 32, { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }, 10 },
	{ "secp384r1", 48, { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 }, 7 },
	{ "secp521r1", 66, { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 }, 7 },
};

static void put_rsa(struct object *object, EVP_PKEY *key, bool is_private)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		const char *name;
	} numbers[] = {
		{ CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N },
		{ CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E },
		{ CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D },
		{ CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1 },
		{ CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2 },
		{ CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1 },
		{ CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2 },
		{ CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
	};

	put_number(object, CKA_KEY_TYPE, CKK_RSA);
	for (size_t i = 0; i < (is_private ? 8 : 2); i++)
		put_bignum(object, numbers[i].type, key, numbers[i].name, 0);
}

static void put_octet_string(struct object *object, CK_ATTRIBUTE_TYPE type, const CK_BYTE *value, size_t size)
{
	CK_BYTE der[256] = { 0x04, (CK_BYTE)size };
	size_t head = 2;

	if (size > 127) {
		der[1] = 0x81;
		der[2] = (CK_BYTE)size;
		head = 3;
	}
	memcpy(der + head, value, size);
	put(object, type, der, head + size);
}

static void put_ec(struct object *object, EVP_PKEY *key, bool is_private)
{
	const struct curve *curve = NULL;
	char group[32];
	CK_BYTE point[256];
	size_t size = 0;

	must(EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) == 1 ?
		     CKR_OK :
		     CKR_GENERAL_ERROR,
	     "group");
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (strcmp(curves[i].group, group) == 0)
			curve = &curves[i];
	}
	must(curve ? CKR_OK : CKR_GENERAL_ERROR, group);
	put_number(object, CKA_KEY_TYPE, CKK_EC);
	put(object, CKA_EC_PARAMS, curve->parameters, curve->parameters_size);
	if (is_private) {
		put_bignum(object, CKA_VALUE, key, OSSL_PKEY_PARAM_PRIV_KEY, curve->size);
		return;
	}
	must(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof(point), &size) ==
			     1 ?
		     CKR_OK :
		     CKR_GENERAL_ERROR,
	     "point");
	put_octet_string(object, CKA_EC_POINT, point, size);
}

static void put_ed25519(struct object *object, EVP_PKEY *key, bool is_private)
{
	static const CK_BYTE parameters[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
	CK_BYTE value[32];
	size_t size = sizeof(value);

	put_number(object, CKA_KEY_TYPE, CKK_EC_EDWARDS);
	put(object, CKA_EC_PARAMS, parameters, sizeof(parameters));
	if (is_private) {
		must(EVP_PKEY_get_raw_private_key(key, value, &size) == 1 ? CKR_OK : CKR_GENERAL_ERROR, "Ed25519");
		put(object, CKA_VALUE, value, size);
		return;
	}
	must(EVP_PKEY_get_raw_public_key(key, value, &size) == 1 ? CKR_OK : CKR_GENERAL_ERROR, "Ed25519");
	put_octet_string(object, CKA_EC_POINT, value, size);
}

static void put_key(struct object *object, const struct rig_key *key, bool is_private)
{
	put_number(object, CKA_CLASS, is_private ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY);
	put_bool(object, CKA_TOKEN, CK_TRUE);
	put_bool(object, CKA_PRIVATE, is_private ? CK_TRUE : CK_FALSE);
	put(object, CKA_LABEL, key->label, strlen(key->label));
	if (key->id != 0)
		put(object, CKA_ID, &key->id, 1);
	if (is_private) {
		put_bool(object, CKA_SENSITIVE, CK_TRUE);
		put_bool(object, CKA_EXTRACTABLE, CK_FALSE);
		put_bool(object, CKA_SIGN, key->no_sign ? CK_FALSE : CK_TRUE);
		if (key->no_sign)
			put_bool(object, CKA_DECRYPT, CK_TRUE);
		if (key->always_authenticate)
			put_bool(object, CKA_ALWAYS_AUTHENTICATE, CK_TRUE);
	}
	switch (EVP_PKEY_get_base_id(key->key)) {
	case EVP_PKEY_RSA:
		put_rsa(object, key->key, is_private);
		break;
	case EVP_PKEY_EC:
		put_ec(object, key->key, is_private);
		break;
	default:
		put_ed25519(object, key->key, is_private);
		break;
	}
}

void rig_write_certificate(const struct rig_writer *writer, struct ks_bytes id, const char *label, struct ks_bytes der)
{
	struct object object = { .n = 0 };

	put_number(&object, CKA_CLASS, CKO_CERTIFICATE);
	put_number(&object, CKA_CERTIFICATE_TYPE, CKC_X_509);
	put_bool(&object, CKA_TOKEN, CK_TRUE);
	put_bool(&object, CKA_PRIVATE, CK_FALSE);
	put(&object, CKA_LABEL, label, strlen(label));
	put(&object, CKA_SUBJECT, "\x30\x00", 2);
	put(&object, CKA_ID, id.data, id.size);
	put(&object, CKA_VALUE, der.data, der.size);
	create(writer, &object);
}

void rig_write_key(const struct rig_writer *writer, const struct rig_key *key)
{
	if (key->parts & RIG_PUBLIC) {
		struct object object = { .n = 0 };
		put_key(&object, key, false);
		create(writer, &object);
	}
	if (key->parts & RIG_PRIVATE) {
		struct object object = { .n = 0 };
		put_key(&object, key, true);
		create(writer, &object);
	}
	if (key->parts & RIG_CERTIFICATE) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
		rig_put_certificate(&der, key->key, key->label);
		rig_write_certificate(writer, ks_bytes(&key->id, 1), key->label, ks_buffer_bytes(&der));
	}
}

/* --- keys of OpenSSL --------------------------------------------------------------------------------------------- */

EVP_PKEY *rig_new_key(const char *type)
{
	EVP_PKEY *key;

	if (strncmp(type, "RSA", 3) == 0)
		key = EVP_RSA_gen((unsigned)strtoul(type + 3, NULL, 10));
	else if (type[0] == 'P')
		key = EVP_EC_gen(type);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_non_null(key);
	return key;
}

void rig_put_certificate(struct ks_buffer *buffer, EVP_PKEY *key, const char *name)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	const EVP_MD *hash = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	unsigned char *der = NULL;

	(void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	(void)X509_set_issuer_name(certificate, subject);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	(void)X509_set_pubkey(certificate, key);
	(void)X509_sign(certificate, key, hash);
	int size = i2d_X509(certificate, &der);
	assert_true(size > 0);
	ks_buffer_put(buffer, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	X509_free(certificate);
}
