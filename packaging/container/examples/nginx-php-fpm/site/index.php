<?php
error_log("somebody came");
echo "hello from PHP ", PHP_MAJOR_VERSION, "\n";
