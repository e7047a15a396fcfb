cat >huge.mil <<'MIL'
program(1.0)
{
    func main<ios16>(tensor<fp32, [1]> x) {
            tensor<fp32, [4611686018427387904, 1024]> y = tile(reps = tensor<int32, [1]>([4]), x = x)[name = tensor<string, []>("y")];
        } -> (y);
}
MIL
"$POME" inspect huge.mil
