cat >long.mil <<'MIL'
program(1.0)
{
    func main<ios16>(tensor<fp32, [1]> x) {
            tensor<fp32, [20, 30]> long = tile(reps = tensor<int32, [2]>([20, 30]), x = tensor<fp32, [1, 1]>([[2.5]]))[name = tensor<string, []>("long")];
            tensor<fp32, [20, 30]> y = add(x = long, y = x)[name = tensor<string, []>("y")];
        } -> (y);
}
MIL
"$POME" predict long.mil -i x=1
