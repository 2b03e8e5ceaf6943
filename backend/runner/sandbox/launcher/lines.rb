# Each print is written at once: run as `ruby -r/opt/output/lines.rb`.
$stdout.sync = true
