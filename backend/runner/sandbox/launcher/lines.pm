package lines; # each print is written at once: run as `perl -I/opt/output -mlines`
shift @INC if $INC[0] eq '/opt/output';
delete $INC{'lines.pm'};
$| = 1;
1;
