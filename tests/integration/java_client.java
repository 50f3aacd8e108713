// SPDX-License-Identifier: Apache-2.0
//
// Fetches a page with a client certificate from a PKCS#11 keystore, as Java programs do; nothing of it is keystay's.
//
// usage: java java_client.java CONFIGURATION CA-CERTIFICATE URL PROTOCOL client|connection
//	CONFIGURATION	of SunPKCS11: name and library
//	client		java.net.http.HttpClient
//	connection	HttpsURLConnection
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.util.Collections;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

class JavaClient {
	static TrustManagerFactory trust(String path) throws Exception {
		KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
		store.load(null, null);
		try (InputStream file = new FileInputStream(path)) {
			store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
		}
		TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		factory.init(store);
		return factory;
	}

	static KeyManagerFactory keys(String configuration) throws Exception {
		Provider provider = Security.getProvider("SunPKCS11").configure(configuration);
		Security.addProvider(provider);
		KeyStore store = KeyStore.getInstance("PKCS11", provider);
		store.load(null, null); // no password
		for (String alias : Collections.list(store.aliases())) {
			if (store.isKeyEntry(alias))
				System.out.println("key=" + alias + " chain=" + store.getCertificateChain(alias).length);
		}
		KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		factory.init(store, null);
		return factory;
	}

	public static void main(String[] arguments) throws Exception {
		System.setProperty("jdk.tls.client.protocols", arguments[3]);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(keys(arguments[0]).getKeyManagers(), trust(arguments[1]).getTrustManagers(), null);
		if (arguments[4].equals("client")) {
			HttpClient client = HttpClient.newBuilder().sslContext(context).build();
			HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[2])).build();
			System.out.print(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
		} else {
			HttpsURLConnection connection = (HttpsURLConnection) URI.create(arguments[2]).toURL().openConnection();
			connection.setSSLSocketFactory(context.getSocketFactory());
			try (InputStream page = connection.getInputStream()) {
				System.out.print(new String(page.readAllBytes(), StandardCharsets.UTF_8));
			}
		}
	}
}
