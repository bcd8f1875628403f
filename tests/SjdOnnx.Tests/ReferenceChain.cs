using SjdOnnx.Sampling;

namespace SjdOnnx.Tests;

/// <summary>A second implementation of the sampling chain that follows its definition: in double precision, with sorts.</summary>
internal static class ReferenceChain
{
    public static double[] Probabilities(ReadOnlySpan<float> conditional, ReadOnlySpan<float> unconditional, SamplingOptions sampling)
    {
        var logits = new double[conditional.Length];
        for (int code = 0; code < logits.Length; code++)
        {
            double c = conditional[code];
            logits[code] = sampling.Guidance == 1 || double.IsNegativeInfinity(c)
                ? c
                : unconditional[code] + (sampling.Guidance * (c - unconditional[code]));
        }

        double largest = logits.Max();
        if (sampling.Temperature == 0)
            return OneHot(logits.Length, Array.IndexOf(logits, largest));

        double kth = sampling.TopK == 0 ? double.NegativeInfinity : logits.OrderDescending().Take(sampling.TopK).Last();
        double[] p = Normalize([.. logits.Select(logit => logit < kth ? 0 : Math.Exp((logit - largest) / sampling.Temperature))]);

        double sum = 0;
        double least = sampling.TopP == 1 ? 0 : p.OrderDescending().TakeWhile(value => Take(value)).Last();
        return Normalize([.. p.Select(value => value < least ? 0 : value)]);

        bool Take(double value)
        {
            bool wanted = sum < sampling.TopP;
            sum += value;
            return wanted;
        }
    }

    private static double[] OneHot(int length, int index)
    {
        var row = new double[length];
        row[index] = 1;
        return row;
    }

    private static double[] Normalize(double[] weights)
    {
        double sum = weights.Sum();
        return [.. weights.Select(weight => weight / sum)];
    }
}
