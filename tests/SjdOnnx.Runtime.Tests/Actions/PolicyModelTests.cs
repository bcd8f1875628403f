using SjdOnnx.Actions;

namespace SjdOnnx.Runtime.Tests.Actions;

public class PolicyModelTests(Reach reach) : IClassFixture<Reach>
{
    private const int Tokens = 20; // 5 actions of 4 numbers

    private PolicyModel Model => reach.Model;

    private PolicyModelDescription About => Model.Description;

    [Fact]
    public void The_properties_are_those_of_model_json()
    {
        Assert.Equal(("reach", "fp32", 5, true), (About.Name, About.Precision.Name, About.Chunk, About.KnowsBlockTable));
        Assert.Equal((4, 576, GripperConvention.Libero), (About.Tokens.Dimensions, About.Tokens.EndOfBins, About.Tokens.Gripper));
    }

    [Fact]
    public void An_answer_has_the_numbers_of_a_chunk_of_actions_within_the_ranges_of_the_data_set()
    {
        for (uint episode = 0; episode < 5; episode++)
        {
            PolicyAnswer answer = Act(episode);
            Assert.Equal(5, answer.Actions.Count);
            Assert.All(answer.Actions, static action =>
            {
                Assert.Equal(4, action.Count);
                Assert.All(action.Take(2), static move => Assert.InRange(move, -BlockTable.MaxMove, BlockTable.MaxMove));
                Assert.InRange(action[2], -BlockTable.MaxLift, BlockTable.MaxLift);
                Assert.InRange(action[3], -1, 1);
            });
            Assert.Equal(Tokens, answer.Decoded.Ids.Count);
            Assert.Equal(About.Tokens.Decode(answer.Decoded.Ids), answer.Actions);
        }
    }

    [Fact]
    public void Jacobi_and_shrinking_give_the_tokens_of_one_pass_per_token_in_fewer_passes()
    {
        for (uint episode = 0; episode < 12; episode++)
        {
            ActionAnswer inOrder = Act(episode, ActionDecoding.Autoregressive).Decoded;
            ActionAnswer jacobi = Act(episode, ActionDecoding.Jacobi).Decoded;
            ActionAnswer shrinking = Act(episode, ActionDecoding.Shrinking).Decoded;
            Assert.Equal(inOrder.Ids, jacobi.Ids);
            Assert.Equal(inOrder.Ids, shrinking.Ids);
            Assert.All([inOrder, jacobi, shrinking], static answer => Assert.True(answer.HasConverged));
            Assert.Equal((Tokens - 1, Tokens - 1), (inOrder.Passes, inOrder.Rows));
            Assert.InRange(jacobi.Passes, 1, Tokens - 2);
            Assert.Equal(jacobi.Passes * Tokens, jacobi.Rows);
            Assert.InRange(shrinking.Rows, Tokens, jacobi.Rows);
        }
    }

    [Fact]
    public void What_an_earlier_answer_left_in_the_cache_changes_no_later_one()
    {
        PolicyAnswer first = Act(0);
        Act(1, ActionDecoding.Autoregressive);
        (RgbImage picture, _) = Reach.See(2);
        Model.Act(picture, "put the blue block on the pad, which lies on the table beside the red block and the green one");
        PolicyAnswer again = Act(0);
        Assert.Equal(first.Decoded.Ids, again.Decoded.Ids);
        Assert.Equal(first.Decoded.Passes, again.Decoded.Passes);
    }

    [Fact]
    public void Picture_and_instruction_both_matter()
    {
        Assert.Contains(Enumerable.Range(1, 5), other => !Act((uint)other).Decoded.Ids.SequenceEqual(Act(0).Decoded.Ids));
        int differ = Enumerable.Range(0, 100).Count(episode =>
        {
            (RgbImage picture, _) = Reach.See((uint)episode);
            IReadOnlyList<int>[] told = [.. new[] { "red", "green", "blue" }.Select(
                color => Model.Act(picture, $"put the {color} block on the pad").Decoded.Ids)];
            return told.Any(ids => !ids.SequenceEqual(told[0]));
        });
        Assert.InRange(differ, 1, 100); // 13 where this was written: the policy is undertrained
    }

    [Fact]
    public void Capital_letters_in_the_instruction_make_no_difference()
    {
        (RgbImage picture, string instruction) = Reach.See(0);
        Assert.Equal(
            Model.Act(picture, instruction).Decoded.Ids, Model.Act(picture, instruction.ToUpperInvariant()).Decoded.Ids);
    }

    [Theory]
    [InlineData(ActionWay.Jacobi)]
    [InlineData(ActionWay.Shrinking)]
    public void After_k_passes_the_first_k_and_one_tokens_are_exact_whatever_the_guesses(ActionWay way)
    {
        (RgbImage picture, string instruction) = Reach.See(3);
        int[] exact = [.. Act(3, ActionDecoding.Autoregressive).Decoded.Ids];
        foreach (int exit in (int[])[1, 2, 3, 5, 8, Tokens - 1])
        {
            for (ulong seed = 0; seed < 3; seed++)
            {
                ActionAnswer answer = Model.Act(picture, instruction, new ActionDecoding { Way = way, Exit = exit }, seed).Decoded;
                Assert.InRange(answer.Passes, 1, exit);
                Assert.Equal(exact[..Math.Min(Tokens, exit + 1)], answer.Ids.Take(exit + 1));
                if (answer.HasConverged)
                    Assert.Equal(exact, answer.Ids);
            }
        }
    }

    [Fact]
    public void The_guesses_depend_on_the_seed_and_the_number_of_the_answer_and_repeat_by_them()
    {
        (RgbImage picture, string instruction) = Reach.See(3);
        ActionDecoding one = ActionDecoding.Jacobi with { Exit = 1 };
        IReadOnlyList<int> given = Ids(seed: 1, answer: 0);
        Assert.Equal(given, Ids(seed: 1, answer: 0));
        Assert.NotEqual(given, Ids(seed: 2, answer: 0));
        Assert.NotEqual(given, Ids(seed: 1, answer: 1));

        IReadOnlyList<int> Ids(ulong seed, uint answer) => Model.Act(picture, instruction, one, seed, answer).Decoded.Ids;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void An_exit_point_below_1_is_refused(int exit) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Act(0, ActionDecoding.Jacobi with { Exit = exit }));

    [Fact]
    public void A_picture_of_another_size_is_resized()
    {
        (RgbImage picture, string instruction) = Reach.See(0);
        foreach ((int width, int height) in new[] { (1, 1), (31, 32), (64, 48) })
        {
            var other = new RgbImage(width, height, new byte[width * height * 3]);
            Assert.Equal(Tokens, Model.Act(other, instruction).Decoded.Ids.Count);
        }

        // One color stays that color in every size.
        byte[] gray = [.. Enumerable.Repeat((byte)128, 3 * 96 * 64)];
        Assert.Equal(
            Model.Act(new RgbImage(picture.Width, picture.Height, gray.AsMemory(0, picture.Rgb.Length)), instruction).Decoded.Ids,
            Model.Act(new RgbImage(96, 64, gray), instruction).Decoded.Ids);
    }

    [Fact]
    public void An_instruction_that_is_too_long_is_refused_and_the_next_one_answered()
    {
        (RgbImage picture, _) = Reach.See(0);
        PolicyAnswer before = Act(0);
        var error = Assert.Throws<RequestException>(() => Model.Act(picture, string.Join(' ', Enumerable.Repeat("block", 300))));
        Messages.AssertReadable(error);
        Assert.Contains("reach has room for 236. Give a shorter instruction.", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => Model.Act(picture, null!));
        Assert.Throws<ArgumentNullException>(() => Model.Act(null!, "put the red block on the pad"));
        Assert.Equal(before.Decoded.Ids, Act(0).Decoded.Ids);
    }

    [Fact]
    public void The_longest_instruction_that_is_accepted_is_answered_in_every_way()
    {
        (RgbImage picture, _) = Reach.See(0);
        int longest = 1;
        while (IsAccepted(longest + 1))
            longest++;
        Assert.InRange(longest, 100, 236);
        string instruction = new('!', longest);
        ActionAnswer inOrder = Model.Act(picture, instruction, ActionDecoding.Autoregressive).Decoded;
        Assert.Equal(inOrder.Ids, Model.Act(picture, instruction, ActionDecoding.Jacobi).Decoded.Ids);
        Assert.Equal(inOrder.Ids, Model.Act(picture, instruction, ActionDecoding.Shrinking).Decoded.Ids);

        bool IsAccepted(int length)
        {
            try
            {
                Model.Act(picture, new string('!', length), ActionDecoding.Jacobi with { Exit = 1 });
                return true;
            }
            catch (RequestException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Concurrent_calls_are_answered_as_one_after_another()
    {
        uint[] episodes = [0, 1, 2, 3, 4, 5];
        IReadOnlyList<int>[] alone = [.. episodes.Select(episode => Act(episode).Decoded.Ids)];
        PolicyAnswer[] together = await Task.WhenAll(episodes.Select(episode => Task.Run(() => Act(episode))));
        Assert.Equal(alone, together.Select(static answer => answer.Decoded.Ids));
    }

    [Fact]
    public void Cancellation_ends_the_call_alone()
    {
        (RgbImage picture, string instruction) = Reach.See(0);
        PolicyAnswer before = Act(0);
        Assert.ThrowsAny<OperationCanceledException>(
            () => Model.Act(picture, instruction, cancellation: new CancellationToken(canceled: true)));
        Assert.Equal(before.Decoded.Ids, Act(0).Decoded.Ids);
    }

    [Fact]
    public async Task After_disposal_nothing_is_answered()
    {
        PolicyModel model = await Reach.LoadAsync();
        (RgbImage picture, string instruction) = Reach.See(0);
        model.Act(picture, instruction);
        model.Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.Act(picture, instruction));
        Assert.Equal("reach", model.Description.Name);
    }

    private PolicyAnswer Act(uint episode, ActionDecoding? decoding = null)
    {
        (RgbImage picture, string instruction) = Reach.See(episode);
        return Model.Act(picture, instruction, decoding);
    }
}
