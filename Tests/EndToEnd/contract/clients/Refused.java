// java Refused.java URL SIZE chunked|announced: the status of a POST of so many bytes, by java.net.http.

import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Arrays;

public class Refused {
    public static void main(String[] words) throws Exception {
        byte[] body = new byte[Integer.parseInt(words[1])];
        Arrays.fill(body, (byte) ' ');
        var publisher = words[2].equals("announced")
            ? BodyPublishers.ofByteArray(body)
            : BodyPublishers.ofInputStream(() -> (InputStream) new java.io.ByteArrayInputStream(body));
        var request = HttpRequest.newBuilder(URI.create(words[0])).header("Content-Type", "application/json").POST(publisher).build();
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        System.out.println(client.send(request, BodyHandlers.discarding()).statusCode());
    }
}
