<?php
// A server that needs the schema, and ends with 0 when it is asked to.
$schema = json_decode(file_get_contents("/srv/app/schema.json"), true);
$server = stream_socket_server("tcp://127.0.0.1:9000", $errno, $error) or die("$error\n");
$running = true;
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$running) { $running = false; });
echo "app: serves version {$schema["version"]}\n";
while ($running) {
    if ($client = @stream_socket_accept($server, 60)) {
        // A probe only connects.
        if (fgets($client) !== false) {
            $body = "version {$schema["version"]}\n";
            fwrite($client, "HTTP/1.0 200 OK\r\nContent-Length: " . strlen($body) . "\r\n\r\n$body");
        }
        fclose($client);
    }
}
echo "app: ends\n";
